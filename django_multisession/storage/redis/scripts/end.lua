-- End sessions: all of them, or only those of which something is still true.
-- KEYS: session, bucket, session, bucket, ...; with a nonce one session, its bucket and a note.
-- ARGV: now, index, reference ('user=42') or '', '1' to end only what is over or '', nonce or '', an
-- id for each session; with a nonce also its new id.
-- For each session its facts, if it was ended; 0: there is none; 1: it is not true of it. With a
-- nonce also 2: it was ended by an earlier attempt to give it this new id.
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
-- Many at once: a call costs more than what it does.
in_pieces(ended, 1, #ended, 'UNLINK')
for references, ids in pairs(of_references) do
  for _, item in ipairs(items(references)) do
    in_pieces(ids, 1, #ids, 'ZREM', index .. item)
  end
end
return answers
