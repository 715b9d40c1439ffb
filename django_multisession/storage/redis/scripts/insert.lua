-- Store a new session.
-- KEYS: session, bucket.
-- ARGV: now, index prefix, id, nonce, expires, references; then the names and values of the hash,
-- which include these.
-- Returns 1 if the session is stored, now or by an earlier attempt of this command, and 0 if the id
-- is taken.
local session, bucket = KEYS[1], KEYS[2]
local now, expires = tonumber(ARGV[1]), tonumber(ARGV[5])
local index, id, nonce, references = ARGV[2], ARGV[3], ARGV[4], ARGV[6]

if redis.call('EXISTS', session) == 1 then
  return redis.call('HGET', session, 'nonce') == nonce and 1 or 0
end
local bound = bound_of(expires, now)
enter_all(index, references, id, expires, now)
redis.call('ZADD', bucket, expires, id)
outlives(bucket, bound, now)
redis.call('HSET', session, 'bound', bound, unpack(ARGV, 7, math.min(#ARGV, PIECE)))
in_pieces(ARGV, PIECE + 1, #ARGV, 'HSET', session)
redis.call('PEXPIREAT', session, math.ceil(expires / 1000))
-- Remove old entries, so that the bucket does not grow for ever if nobody purges. The hour allows
-- for clocks that differ.
redis.call('ZREMRANGEBYSCORE', bucket, '-inf', now - HOUR)
return 1
