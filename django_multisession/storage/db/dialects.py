"""Where SQL differs between servers, and only that."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured

from ..base import Finding

ConfigProbe = tuple[str, Callable[[Any], bool], Finding]

BY_ID = ("id", "id IN ({})")

READ_ONLY = Finding(
    "readonly",
    "The database can only be read: no session is stored.",
    "Have DATABASES, or the database routers, name the primary server.",
)
NO_VACUUM = Finding(
    "vacuum",
    "Autovacuum is off: the room of sessions that are over is never used again.",
    "Set autovacuum = on.",
)
NO_WAL = Finding(
    "journal",
    "Whoever reads a session waits for whoever writes one (SQLite's journal_mode is not WAL).",
    'In the OPTIONS of the database, set {"init_command": "PRAGMA journal_mode=WAL"}.',
)


class Dialect(ABC):
    """Fragments of SQL. What one server says otherwise, its class overrides."""

    # Can a DELETE return the row it deleted?
    returns_deleted: ClassVar[bool] = True
    # Can one DELETE take the first rows of a SELECT, and be quick about it?
    deletes_selected: ClassVar[bool] = True
    # How a DELETE takes rows that its SELECT has locked: by which column, and the condition.
    delete_target: ClassVar[tuple[str, str]] = BY_ID
    # Does it keep a time together with its zone?
    keeps_zones: ClassVar[bool] = False
    # Makes an INSERT of a taken id change nothing. Empty: it raises IntegrityError.
    on_conflict: ClassVar[str] = " ON CONFLICT DO NOTHING"
    # Ends a SELECT of rows that are deleted next: waits for whoever is writing them.
    lock: ClassVar[str] = " FOR UPDATE"
    # The same, for rows that somebody else may just as well delete.
    lock_free: ClassVar[str] = " FOR UPDATE"

    # Tells the server's time, in UTC. None: it is this machine's.
    now: ClassVar[str | None] = None
    # What to ask of the configuration, which answers are wrong, and what then is found.
    config_probes: ClassVar[tuple[ConfigProbe, ...]] = ()

    # Numbers of the errors for a taken key, and for deadlocks that the server broke.
    taken: ClassVar[int | None] = None
    deadlocks: ClassVar[tuple[int, ...]] = ()

    @abstractmethod
    def merge(self, column: str) -> str:
        """The column with a JSON merge patch applied. One parameter."""

    def patches(self, names: Mapping[str, str | None]) -> list[str]:
        """The merge patches, one after the other, that set these names, or remove them for None."""
        return [json.dumps(names)]

    @abstractmethod
    def includes(self, column: str) -> str:
        """Does the column hold all of a JSON object? One parameter."""

    def pick(self, column: str) -> str | None:
        """The column with only the names in a JSON list. One parameter. None: it cannot."""
        return None


class PostgreSQL(Dialect):
    keeps_zones = True
    now = "SELECT clock_timestamp() AT TIME ZONE 'UTC'"
    config_probes = (
        ("SELECT pg_is_in_recovery()", bool, READ_ONLY),
        ("SHOW autovacuum", lambda answer: answer == "off", NO_VACUUM),
    )
    lock_free = " FOR UPDATE SKIP LOCKED"
    # By their places: half the time (measured: 2.3 instead of 2.8 s for 360,000 in the order in
    # which they came, 4.1 instead of 10.3 s in no order). A row that moved meanwhile is left.
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
    lock = lock_free = ""  # whoever writes has the database for itself

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
    now = "SELECT UTC_TIMESTAMP(6)"
    config_probes = (("SELECT @@global.read_only + 0", bool, READ_ONLY),)
    deletes_selected = False  # neither LIMIT in a subquery nor an IN that uses the index
    on_conflict = ""  # INSERT IGNORE would hide every other error too
    taken = 1062
    # InnoDB locks a row by the index that led to it, so a bulk deletion and a save can meet
    # crosswise. It undoes one of them and expects it to be repeated.
    deadlocks = (1213, 1467)  # of rows, and over the next number of a table

    def merge(self, column: str) -> str:
        return f"JSON_MERGE_PATCH({column}, %s)"

    def patches(self, names: Mapping[str, str | None]) -> list[str]:
        # With removals it goes wrong: {"a": "1", "c": "1"} merged with {"c": "2", "a": null} is
        # {"c": "1"} (MariaDB 10.11). Not so with one removal on its own, so they go last, singly.
        values = {name: value for name, value in names.items() if value is not None}
        removals = [json.dumps({name: None}) for name, value in names.items() if value is None]
        return [*([json.dumps(values)] if values else []), *removals]

    def includes(self, column: str) -> str:
        return f"JSON_CONTAINS({column}, %s)"


class MySQL(MariaDB):
    returns_deleted = False


def dialect_of(connection: Any) -> Dialect:
    """Of a connection of Django's. Raises ImproperlyConfigured for what is not spoken here."""
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
            "kept in SQLite, PostgreSQL, MySQL or MariaDB. Name such a database in "
            "MULTISESSION_DATABASE."
        )
    return dialects[vendor]()
