"""Sessions that come from other engines: MULTISESSION_MIGRATE_FROM and migratesessions."""
