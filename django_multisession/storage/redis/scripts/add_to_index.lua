-- Add a session to the index, before the session is written.
-- KEYS: reference set. ARGV: now, index prefix, id, expires. Returns 1.
enter(KEYS[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[1]))
return 1
