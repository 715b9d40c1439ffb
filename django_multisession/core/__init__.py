"""Values and rules of sessions. Pure: no I/O and no settings."""
