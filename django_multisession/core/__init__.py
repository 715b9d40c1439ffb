"""The values and rules of sessions. Pure code: no I/O and no settings."""
