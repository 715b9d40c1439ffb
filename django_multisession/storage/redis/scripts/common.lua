-- What every script begins with, after FACTS, the names of the facts of a session. Times are
-- microseconds since 1970. Where a script keeps the index itself, ARGV[2] is what the name of
-- every reference set begins with; on a cluster, whose scripts reach one slot, it is ''.
--
-- What a script has done before an error stays done, so the session comes last. And a full server
-- refuses only the first write of a script, so that is one that takes memory.

local MINUTE = 60000000
local HOUR = 60 * MINUTE
local NEVER = 253370764800000000 -- 9999-01-01
local SPAN = 2097152 -- 2^21 minutes, 4 years
local GRACE = 10 -- minutes; no request waits that long between the index and the session
local PIECE = 2000 -- values a command
local NOTED = 60000 -- milliseconds, more than any client goes on trying

local function is_live(expires, now)
  local is_number = expires and #expires < 19 and string.find(expires, '^%d+$')
  return is_number and tonumber(expires) > now
end

-- A command with values[from..to], because unpack takes some 8000 only. It may begin with a key.
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

-- Until when buckets and index vouch for a session: a lifetime longer than it lives, so that a
-- touch seldom has to write them.
local function bound_of(expires, now)
  return math.min(expires + math.max(expires - now, HOUR), NEVER)
end

-- The key dies by itself, but not before the moment.
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

-- A reference set is scored by the minute in which an entry dies, times SPAN, plus the minute in
-- which it was written, modulo SPAN: 53 bits, which a double holds exactly. An entry that is
-- written again never dies sooner than before.
local function enter(set, id, expires, now)
  local minute = math.floor(now / MINUTE)
  local bound = bound_of(expires, now)
  local before = tonumber(redis.call('ZSCORE', set, id) or 0)
  local dies = math.max(math.ceil(bound / MINUTE), math.floor(before / SPAN))
  redis.call('ZADD', set, dies * SPAN + minute % SPAN, id)
  redis.call('ZREMRANGEBYSCORE', set, '-inf', string.format('(%.0f', minute * SPAN))
  outlives(set, bound, now)
end

-- Nothing, on a cluster.
local function enter_all(index, references, id, expires, now)
  for _, item in ipairs(index ~= '' and items(references) or {}) do
    enter(index .. item, id, expires, now)
  end
end

-- Nothing, on a cluster.
local function leave_all(index, references, id)
  for _, item in ipairs(index ~= '' and items(references) or {}) do
    redis.call('ZREM', index .. item, id)
  end
end
