"""Sessions in a SQL database: SQLite, PostgreSQL, MySQL and MariaDB."""

from .storage import DatabaseStorage

__all__ = ["DatabaseStorage"]
