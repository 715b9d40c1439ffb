"""The differences between the SQL of the supported servers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from ..base import Finding

# A query that returns one value, a function that says whether the value is wrong, and what is
# reported then.
ConfigProbe = tuple[str, Callable[[Any], bool], Finding]

BY_ID = ("id", "id IN ({})")

READ_ONLY = Finding(
    "readonly",
    "The database is read-only: no session can be stored.",
    "Let DATABASES or the database routers name the primary server.",
)
NO_VACUUM = Finding(
    "vacuum",
    "Autovacuum is off: the disk space of expired sessions is never used again.",
    "Set autovacuum = on.",
)
NO_WAL = Finding(
    "journal",
    "Reading a session waits for writers, because SQLite's journal_mode is not WAL.",
    'In the OPTIONS of the database, set {"init_command": "PRAGMA journal_mode=WAL"}.',
)


class Dialect(ABC):
    """SQL fragments and capabilities of one server. A subclass overrides what differs."""

    # Can a DELETE return the row that it deleted?
    returns_deleted: ClassVar[bool] = True
    # Can one DELETE take the first rows of a SELECT, and do it fast?
    deletes_selected: ClassVar[bool] = True
    # Does it store a time together with its time zone?
    keeps_zones: ClassVar[bool] = False
    # Does a merge patch that both sets and removes names give the right result?
    merges_removals: ClassVar[bool] = True

    # How a DELETE names the rows that its SELECT has locked: the column, and the condition.
    delete_target: ClassVar[tuple[str, str]] = BY_ID
    # Lets an INSERT of an existing id change nothing. Empty: it raises IntegrityError.
    on_conflict: ClassVar[str] = " ON CONFLICT DO NOTHING"
    # Ends a SELECT of rows that are deleted next. Waits for other transactions that write them.
    lock: ClassVar[str] = " FOR UPDATE"
    # The same for rows that another process may delete just as well. Skips them where it can.
    lock_or_skip: ClassVar[str] = " FOR UPDATE"

    # Returns the server's time in UTC. None: the database runs in this process.
    select_now: ClassVar[str | None] = None
    # What to check in the server's configuration.
    config_probes: ClassVar[tuple[ConfigProbe, ...]] = ()

    # The error number for a duplicate key, and those for deadlocks that the server has resolved.
    duplicate_key_error: ClassVar[int | None] = None
    deadlock_errors: ClassVar[tuple[int, ...]] = ()

    @abstractmethod
    def merge(self, column: str) -> str:
        """Return the SQL that applies a JSON merge patch to the column. One parameter."""

    @abstractmethod
    def includes(self, column: str) -> str:
        """Return the condition that the column contains a JSON object. One parameter."""

    def pick(self, column: str) -> str | None:
        """Return the SQL that reduces the column to the names in a JSON list, or None if it can't.

        One parameter.
        """
        return None


class PostgreSQL(Dialect):
    keeps_zones = True
    select_now = "SELECT clock_timestamp() AT TIME ZONE 'UTC'"
    config_probes = (
        ("SELECT pg_is_in_recovery()", bool, READ_ONLY),
        ("SHOW autovacuum", lambda answer: answer == "off", NO_VACUUM),
    )
    lock_or_skip = " FOR UPDATE SKIP LOCKED"
    # By ctid, the row's physical position, a purge is faster than by id: 2.3 instead of 2.8 s for
    # 360,000 rows in insertion order, 4.1 instead of 10.3 s in random order (measured). A row that
    # was updated in the meantime has another ctid and is left alone.
    delete_target = ("ctid", "ctid = ANY(ARRAY({}))")

    def merge(self, column: str) -> str:
        return f"jsonb_strip_nulls({column} || %s::jsonb)"

    def includes(self, column: str) -> str:
        return f"{column} @> %s::jsonb"

    def pick(self, column: str) -> str:
        return (
            "(SELECT coalesce(jsonb_object_agg(e.key, e.value), '{}')"
            f" FROM jsonb_each({column}) e WHERE %s::jsonb ? e.key)"
        )


class SQLite(Dialect):
    config_probes = (
        ("PRAGMA journal_mode", {"delete", "truncate", "persist"}.__contains__, NO_WAL),
    )
    lock = lock_or_skip = ""  # a writer has the whole database to itself

    def merge(self, column: str) -> str:
        return f"json_patch({column}, %s)"

    def includes(self, column: str) -> str:
        return f"json_patch({column}, %s) = json({column})"  # merging it changes nothing

    def pick(self, column: str) -> str:
        return (
            f"(SELECT json_group_object(e.key, e.value) FROM json_each({column}) e"
            " WHERE e.key IN (SELECT value FROM json_each(%s)))"
        )


class MariaDB(Dialect):
    # Not in one DELETE: MariaDB has no LIMIT in a subquery and no IN that uses the index.
    deletes_selected = False
    # {"a": "1", "c": "1"} merged with {"c": "2", "a": null} becomes {"c": "1"} (MariaDB 10.11).
    merges_removals = False
    on_conflict = ""  # INSERT IGNORE would hide every other error too
    select_now = "SELECT UTC_TIMESTAMP(6)"
    config_probes = (("SELECT @@global.read_only + 0", bool, READ_ONLY),)
    duplicate_key_error = 1062
    # InnoDB locks a row by the index that led to it, so a bulk deletion and a save can lock the
    # same rows in opposite order. It rolls one of them back and expects the client to repeat it.
    deadlock_errors = (1213, 1467)  # over rows, and over the next number of a table

    def merge(self, column: str) -> str:
        return f"JSON_MERGE_PATCH({column}, %s)"

    def includes(self, column: str) -> str:
        return f"JSON_CONTAINS({column}, %s)"


class MySQL(MariaDB):
    returns_deleted = False


def dialect_of(connection: Any) -> Dialect:
    """Return the dialect of a Django connection. Raises ImproperlyConfigured if there is none."""
    vendor = connection.vendor
    if vendor == "mysql" and connection.mysql_is_mariadb:
        vendor = "mariadb"
    if vendor == "sqlite" and connection.Database.sqlite_version_info < (3, 35):
        raise ImproperlyConfigured("Sessions need SQLite 3.35 or later, for DELETE ... RETURNING.")
    dialects: dict[str, type[Dialect]]
    dialects = {"postgresql": PostgreSQL, "sqlite": SQLite, "mariadb": MariaDB, "mysql": MySQL}
    if vendor not in dialects:
        raise ImproperlyConfigured(
            f"The database {connection.alias!r} is {connection.display_name}. Sessions can be "
            "stored in SQLite, PostgreSQL, MySQL or MariaDB. Name such a database in "
            "MULTISESSION_DATABASE."
        )
    return dialects[vendor]()
