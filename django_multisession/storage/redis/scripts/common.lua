-- The beginning of every script. It follows FACTS, the names of the facts of a session.
--
-- Times are microseconds since 1970. ARGV[2] is the beginning of the key of every reference set, so
-- that the script can write the reference index. On a cluster, where a script reaches only one
-- slot, ARGV[2] is '', and the client writes the index.
--
-- Writes before an error are not undone, so a script writes the session last. A server whose memory
-- is full refuses only the first write of a script, so the first write is one that takes memory.

local MINUTE = 60000000
local HOUR = 60 * MINUTE
local NEVER = 253370764800000000 -- 9999-01-01
local SPAN = 2097152 -- 2^21 minutes, 4 years
local GRACE = 10 -- minutes; a request never takes that long from the index entry to the session
local PIECE = 2000 -- values for each command
local NOTED = 60000 -- milliseconds; longer than any client repeats a command

local function is_live(expires, now)
  local is_number = expires and #expires < 19 and string.find(expires, '^%d+$')
  return is_number and tonumber(expires) > now
end

-- Call the command with values[from..to], in pieces, because unpack takes only some 8000 values.
-- The key, if there is one, is the first argument of each call.
local function in_pieces(values, from, to, command, key)
  for first = from, to, PIECE do
    local last = math.min(first + PIECE - 1, to)
    if key then
      redis.call(command, key, unpack(values, first, last))
    else
      redis.call(command, unpack(values, first, last))
    end
  end
end

-- Return the time until which bucket and index keep the session: one lifetime after its expiry, so
-- that a touch seldom has to write them.
local function bound_of(expires, now)
  return math.min(expires + math.max(expires - now, HOUR), NEVER)
end

-- Let the server delete the key, but not before the moment.
local function outlives(key, moment, now)
  if redis.call('PTTL', key) < (moment - now) / 1000 then
    redis.call('PEXPIREAT', key, math.ceil(moment / 1000))
  end
end

-- 'user=42\0org=7' -> {'user=42', 'org=7'}
local function items(references)
  local found = {}
  for item in string.gmatch(references or '', '[^%z]+') do
    found[#found + 1] = item
  end
  return found
end

-- Add a session to a reference set, and remove the entries that have died. The score is the minute
-- in which the entry dies, times SPAN, plus the minute in which it was written, modulo SPAN: 53
-- bits, which a double holds exactly. An entry that is written again never dies sooner than before.
local function enter(set, id, expires, now)
  local minute = math.floor(now / MINUTE)
  local bound = bound_of(expires, now)
  local before = tonumber(redis.call('ZSCORE', set, id) or 0)
  local dies = math.max(math.ceil(bound / MINUTE), math.floor(before / SPAN))
  redis.call('ZADD', set, dies * SPAN + minute % SPAN, id)
  redis.call('ZREMRANGEBYSCORE', set, '-inf', string.format('(%.0f', minute * SPAN))
  outlives(set, bound, now)
end

-- Add a session to the sets of all its references. Does nothing on a cluster.
local function enter_all(index, references, id, expires, now)
  for _, item in ipairs(index ~= '' and items(references) or {}) do
    enter(index .. item, id, expires, now)
  end
end

-- Remove a session from the sets of these references. Does nothing on a cluster.
local function leave_all(index, references, id)
  for _, item in ipairs(index ~= '' and items(references) or {}) do
    redis.call('ZREM', index .. item, id)
  end
end
