"""Storage in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB."""

from .storage import DatabaseStorage

__all__ = ["DatabaseStorage"]
