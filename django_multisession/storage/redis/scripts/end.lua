-- End sessions: all of them, or only those that meet a condition.
-- KEYS: session, bucket, session, bucket, ...; with a nonce one session, its bucket and the marker
-- that remembers its new id.
-- ARGV: now, index prefix, three conditions, an id for each session; with a nonce also its new id.
-- The conditions, or '' for none:
--   reference ('user=42'): end only live sessions that have it
--   '1': end only expired sessions
--   nonce: end the session only if its last write has this nonce
-- Returns for each session its facts if it was ended, 0 if it does not exist, and 1 if it does not
-- meet the condition. With a nonce also 2: an earlier attempt of the same rename has ended it.
local now, index, reference, over, nonce = tonumber(ARGV[1]), unpack(ARGV, 2, 5)

local function is_meant(session, expires, references)
  if nonce ~= '' then
    return redis.call('HGET', session, 'nonce') == nonce
  end
  if reference ~= '' then
    local all = '\0' .. (references or '') .. '\0'
    return is_live(expires, now) and string.find(all, '\0' .. reference .. '\0', 1, true)
  end
  return over == '' or not is_live(expires, now)
end

if nonce ~= '' and redis.call('GET', KEYS[3]) == ARGV[7] then
  return {2}
end
local answers, ended, of_references = {}, {}, {}
for number = 1, #KEYS / 2 do
  local session, bucket, id = KEYS[2 * number - 1], KEYS[2 * number], ARGV[5 + number]
  local facts = redis.call('HMGET', session, unpack(FACTS))
  local expires, references = facts[EXPIRES], facts[REFERENCES]
  if is_meant(session, expires, references) then
    redis.call('ZREM', bucket, id)
    ended[#ended + 1] = session
    if index ~= '' and references then
      of_references[references] = of_references[references] or {}
      table.insert(of_references[references], id)
    end
    answers[number] = expires and facts or 0
  else
    answers[number] = expires and 1 or 0
  end
end
if nonce ~= '' and #ended == 1 then
  redis.call('SET', KEYS[3], ARGV[7], 'PX', NOTED)
end
-- Many keys in one call: calling a command costs more than its work.
in_pieces(ended, 1, #ended, 'UNLINK')
for references, ids in pairs(of_references) do
  for _, item in ipairs(items(references)) do
    in_pieces(ids, 1, #ids, 'ZREM', index .. item)
  end
end
return answers
