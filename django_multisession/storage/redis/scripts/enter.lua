-- Enter a session into the index, before it is written.
-- KEYS: reference set. ARGV: now, index, id, expires.
enter(KEYS[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[1]))
return 1
