-- Delete expired sessions of a bucket, and their entries.
-- KEYS: bucket, session, session, ... ARGV: now, index prefix, an id for each session.
-- Returns how many entries were removed. The server has already deleted most of their sessions.
local now, index, bucket = tonumber(ARGV[1]), ARGV[2], KEYS[1]
local purged = 0
for number = 2, #KEYS do
  local session, id = KEYS[number], ARGV[1 + number]
  local expires, references = unpack(redis.call('HMGET', session, 'expires', 'references'))
  if is_live(expires, now) then -- it was touched after the caller read the bucket
    redis.call('ZADD', bucket, expires, id)
  else
    leave_all(index, references, id)
    redis.call('UNLINK', session)
    purged = purged + redis.call('ZREM', bucket, id)
  end
end
return purged
