"""Maintenance of stored sessions: pruning, reindexing and consistency checks."""
