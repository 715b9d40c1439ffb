-- Drop entries whose sessions a reader did not find. A session is entered before it is written, so
-- an entry that somebody wrote lately, or is writing again, stays.
-- KEYS: reference set. ARGV: now, index, ids.
local minute = math.floor(tonumber(ARGV[1]) / MINUTE)
for number = 3, #ARGV do
  local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[number]))
  if score then
    local age = (minute - score % SPAN) % SPAN
    if age > GRACE and age < SPAN / 2 then -- the upper half: a clock that is ahead of ours
      redis.call('ZREM', KEYS[1], ARGV[number])
    end
  end
end
return 1
