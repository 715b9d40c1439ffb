-- Remove index entries whose sessions a reader did not find. The index entry is written before the
-- session, so entries that were written recently are kept.
-- KEYS: reference set. ARGV: now, index prefix, ids. Returns 1.
local minute = math.floor(tonumber(ARGV[1]) / MINUTE)
for number = 3, #ARGV do
  local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[number]))
  if score then
    local age = (minute - score % SPAN) % SPAN
    if age > GRACE and age < SPAN / 2 then -- in the upper half: the clock of the writer is ahead
      redis.call('ZREM', KEYS[1], ARGV[number])
    end
  end
end
return 1
