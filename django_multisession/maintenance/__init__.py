"""Long-running care for the stored sessions: pruning, reindexing and consistency checks."""
