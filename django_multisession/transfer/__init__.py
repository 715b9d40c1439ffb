"""Move sessions out of previous engines: MULTISESSION_MIGRATE_FROM and ``migratesessions``."""
