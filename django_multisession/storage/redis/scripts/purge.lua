-- Delete what is over of a bucket.
-- KEYS: bucket, session, session, ... ARGV: now, index, an id for each session.
-- How many entries the bucket lost; most of their sessions the server deleted before.
local now, index, bucket = tonumber(ARGV[1]), ARGV[2], KEYS[1]
local purged = 0
for number = 2, #KEYS do
  local session, id = KEYS[number], ARGV[1 + number]
  local expires, references = unpack(redis.call('HMGET', session, 'expires', 'references'))
  if is_live(expires, now) then -- touched since the caller looked
    redis.call('ZADD', bucket, expires, id)
  else
    leave_all(index, references, id)
    redis.call('UNLINK', session)
    purged = purged + redis.call('ZREM', bucket, id)
  end
end
return purged
