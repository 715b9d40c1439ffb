-- Apply a change to a live session, and give it the new id, if one is passed.
-- KEYS: session, bucket; with a new id also its session and bucket.
-- A cluster cannot rename in one script, so there it is never passed a new id.
-- ARGV: now, index prefix, id, nonce, expires or '', changes of references ('user=2' sets, 'user'
-- removes), indexed references, new id or '', how many names to unset; these names; then the names
-- and values to set.
-- Returns 1 if the change was applied, and 0 if the session does not exist or has expired. On a
-- cluster it may also return {references, expires}: the client must add these to the index first
-- and then call again with the same references as `indexed`.
local session, bucket, new_session, new_bucket = unpack(KEYS)
local now, index, id, nonce, expires = tonumber(ARGV[1]), unpack(ARGV, 2, 5)
local changes, indexed, new_id = unpack(ARGV, 6, 8)

local stored = redis.call('HMGET', session, 'expires', 'bound', 'references')
if not is_live(stored[1], now) then
  -- It is not gone if an earlier attempt of this command has given it the new id.
  return new_session and redis.call('HGET', new_session, 'nonce') == nonce and 1 or 0
end
if new_session and redis.call('EXISTS', new_session) == 1 then
  return redis.error_reply('TAKEN There is a session of the new id.')
end

-- Compute the references after the change, and those that it removes.
local references, left, news = stored[3] or '', {}, false
if changes ~= '' then
  local changed, kept = {}, {}
  for _, item in ipairs(items(changes)) do
    changed[string.match(item, '[^=]*')] = item
  end
  for _, item in ipairs(items(references)) do
    local change = changed[string.match(item, '[^=]*')]
    if not change then
      kept[#kept + 1] = item
    elseif change ~= item then
      left[#left + 1] = item
    end
  end
  for _, item in ipairs(items(changes)) do
    if string.find(item, '=', 1, true) then
      kept[#kept + 1] = item
      news = true
    end
  end
  references = table.concat(kept, '\0')
end

local ends = expires ~= '' and expires or stored[1]
local unbound = tonumber(ends) > (tonumber(stored[2]) or 0)
if index == '' and references ~= '' and (news or unbound) and indexed ~= references then
  return {references, ends}
end

local id_after, bucket_after = new_session and new_id or id, new_session and new_bucket or bucket
local bound = (news or unbound or new_session) and bound_of(tonumber(ends), now)
if bound then
  enter_all(index, references, id_after, tonumber(ends), now)
end
if bound or expires ~= '' then
  redis.call('ZADD', bucket_after, ends, id_after)
end
if bound then
  outlives(bucket_after, bound, now)
end
leave_all(index, new_session and stored[3] or table.concat(left, '\0'), id)
if new_session then
  redis.call('ZREM', bucket, id)
  redis.call('RENAME', session, new_session)
  session = new_session
end
local first = 10 + tonumber(ARGV[9])
in_pieces(ARGV, 10, first - 1, 'HDEL', session)
in_pieces(ARGV, first, #ARGV, 'HSET', session)
if changes ~= '' then
  redis.call('HSET', session, 'references', references)
end
if bound then
  redis.call('HSET', session, 'bound', bound)
end
if expires ~= '' then
  redis.call('PEXPIREAT', session, math.ceil(tonumber(ends) / 1000))
end
return 1
