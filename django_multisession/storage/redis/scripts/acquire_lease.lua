-- Take a lease, or renew it.
-- KEYS: lease. ARGV: now, until, owner.
-- Returns 1 if the owner has the lease now, and 0 if another owner has it.
local now, ends = tonumber(ARGV[1]), tonumber(ARGV[2])
local held_until, owner = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (.*)$')

if owner and owner ~= ARGV[3] and tonumber(held_until) > now then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[3])
redis.call('PEXPIREAT', KEYS[1], math.ceil(ends / 1000))
return 1
