"""`DatabaseStorage`: one statement for each verb; the server merges."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import Error, connections, router

from ...core import keys
from ...core.expiry import UTC, utcnow
from ...core.record import Change, Record
from ...models import Session
from ..base import Entry, Finding, OnDeleted, Storage
from . import encoding
from .connection import Connection, Row
from .diagnostics import findings
from .encoding import Names
from .listing import conditions_after, reference_parameters, to_cursor
from .statements import PURGE_COLUMNS, PURGED_ENTRY_COLUMNS, Statements

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # before every purge_at, in any time zone
BATCH = 500  # rows in a statement that may return many


class DatabaseStorage(Storage):
    """Sessions in the table of `models.Session`, on SQLite, PostgreSQL, MySQL or MariaDB.

    Cost: one statement for each verb and no transaction, with these exceptions.

    - ``insert``, ``update`` and ``rename`` that change a reference other than ``user``: a
      transaction, with two more statements for each such reference.
    - ``delete`` on MySQL, ``delete_matching`` and ``purge`` on MySQL and MariaDB: two statements
      in a transaction.
    - ``find`` and ``delete_matching``: one for every 500 sessions.
    - ``page``: two where an hour ends. ``sample``: two near the end of the table.
    - ``purge``: three more in the last batch of a run, for rows that were skipped, for orphaned
      index entries and for leases that have ended.
    - ``acquire_lease``: two for a new lease, three if it is refused.
    - ``diagnose``: about a dozen, because the database's catalogue is read.

    The times in all of them come from the application's clock.
    """

    outages = (Error,)
    thread_sensitive = True
    pages_by_activity = True  # by the hour: `purge_at` is rounded to hours
    shows_expired = True

    def __init__(
        self, *, database: str | None = None, clock: Callable[[], datetime] = utcnow
    ) -> None:
        """``database`` is an alias in DATABASES. None: ask the database routers each time."""
        super().__init__(clock=clock)
        self.database = database
        self.statements: dict[str, Statements] = {}  # by database alias, filled when first needed
        self._purged_to: Any = None  # the purge_at up to which there may be nothing left to purge

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        connection = self._reader
        if names is not None and (read_some := connection.statements.read_some):
            rows = connection.fetch(read_some, [json.dumps(list(names)), id])
        else:
            rows = connection.fetch(connection.statements.read, [id])
        if not rows:
            return None
        fields = encoding.to_fields(rows[0][-1], id)
        if names is not None:
            fields = {name: fields[name] for name in names if name in fields}
        return connection.record(rows[0], fields)

    def insert(self, id: str, record: Record) -> bool:
        connection = self._writer
        row = encoding.to_row(id, record, connection.to_db_time)
        sessions = connection.statements.sessions
        return _write_indexed(
            connection, id, record.references, lambda: connection.insert(sessions, row)
        )

    def update(self, id: str, change: Change) -> bool:
        return self._update(id, id, change)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        return self._update(old, new, change)

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        connection = self._writer
        if not expired_only:
            return connection.delete(id)
        where = "handle = %s AND expires_at <= %s"
        deleted = connection.delete_some(where, [id, connection.to_db_time(self.clock()), 1])
        return connection.record(deleted[0]) if deleted else None

    def find(self, name: str, value: str) -> Iterator[Entry]:
        connection = self._reader
        where = f"{connection.statements.has_reference(name)} AND expires_at > %s AND id > %s"
        select = connection.statements.select(where)
        reference, last = reference_parameters(name, value), 0
        while True:
            now = connection.to_db_time(self.clock())
            rows = connection.fetch(select, [*reference, now, last, BATCH])
            yield from map(connection.entry, rows)
            if len(rows) < BATCH:
                return
            last = rows[-1][-1]

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        connection = self._writer
        where = f"{connection.statements.has_reference(name)} AND expires_at > %s AND handle <> %s"
        reference = reference_parameters(name, value)
        while True:
            now = connection.to_db_time(self.clock())
            deleted = connection.delete_some(where, [*reference, now, keep or "", BATCH])
            yield from map(connection.entry, deleted)
            if len(deleted) < BATCH:
                return

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        connection = self._reader
        now = connection.to_db_time(self.clock())
        rows: list[Row] = []
        for where, order, parameters in conditions_after(after, now, connection.to_db_time):
            if len(rows) <= limit:
                select = connection.statements.select(f"expires_at > %s AND {where}", order)
                rows += connection.fetch(select, [now, *parameters, limit + 1 - len(rows)])
        entries = [connection.entry(row) for row in rows[:limit]]
        is_last = len(rows) <= limit
        return entries, None if is_last else to_cursor(entries[-1][1], rows[limit - 1][-1])

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        """Read neighbours from a random handle on, and estimate the number from their density.

        Handles are hashes, so neighbours have nothing in common.
        """
        connection, start = self._reader, keys.new_handle()
        rows: list[Row] = []
        for select in connection.statements.sample:
            if len(rows) <= limit:
                rows += connection.fetch(select, [start, limit + 1 - len(rows)])
        now, entries = self.clock(), [connection.entry(row) for row in rows[:limit]]
        live = [entry for entry in entries if entry[1].is_live(now)]
        if len(rows) <= limit:
            return live, len(live)
        span = (keys.position(rows[-1][-2]) - keys.position(start)) % 1
        return live, max(len(live) + 1, round(len(live) / (span or 1)))

    def count(self, expired_only: bool = False) -> int:
        connection = self._reader
        now, statements = self.clock(), connection.statements
        bounds = [connection.to_db_time(now)]
        if expired_only:
            return int(connection.fetch(statements.count_expired, bounds)[0][0])
        bounds.insert(0, connection.to_db_time(now + encoding.PURGE_GRANULARITY))
        return int(connection.fetch(statements.count, [*bounds, *bounds])[0][0])

    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """Continue where the last batch ended, and at the end once more from the beginning.

        Until a vacuum, an index still holds what was deleted, and each batch that began at the
        beginning would have to go through more of it.
        """
        connection = self._writer
        columns = PURGE_COLUMNS if on_deleted is None else PURGED_ENTRY_COLUMNS
        now, earliest = connection.to_db_time(self.clock()), connection.to_db_time(EARLIEST)
        start = self._purged_to
        rows = _purge(connection, start or earliest, now, limit, columns)
        purge_at = columns.index("purge_at")
        last = max((row[purge_at] for row in rows), default=None)
        if start and len(rows) < limit:
            rows += _purge(connection, earliest, now, limit - len(rows), columns)
        self._purged_to = last if len(rows) == limit else None
        if on_deleted is not None:
            on_deleted([connection.entry(row) for row in rows])
        if len(rows) < limit:
            _delete_leftovers(connection, now, limit)
        return len(rows)

    def clear(self) -> int:
        connection = self._writer
        count = connection.execute(f"DELETE FROM {connection.statements.sessions}")
        connection.execute(f"DELETE FROM {connection.statements.references}")
        return count

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        connection = self._writer
        statements = connection.statements
        now, end = connection.to_db_time(self.clock()), connection.to_db_time(until)
        row = {"name": name, "owner": owner, "expires_at": end}
        renewal = [owner, end, name, owner, now]

        def renew() -> bool:
            return connection.execute(statements.renew_lease, renewal) > 0

        def insert() -> bool:
            return connection.insert(statements.leases, row)

        if connection.write(renew) or connection.write(insert):
            return True
        # Another thread of the same owner may have inserted it first. Not within a transaction:
        # MySQL would find a deadlock, because all refused inserts lock the row that refuses them.
        return not connection.django_connection.in_atomic_block and connection.write(renew)

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        if not names:
            return {}
        # Not from a replica, which lags: a session that has just been ended could come back.
        connection = self._writer
        select = connection.statements.active_leases(len(names))
        rows = connection.fetch(select, [*names, connection.to_db_time(self.clock())])
        return {name: connection.from_db_time(end) for name, end in rows}

    def diagnose(self) -> list[Finding]:
        connection = self._writer
        dialect = connection.statements.dialect
        return [*findings(connection.django_connection, dialect, self.clock())]

    @property
    def _writer(self) -> Connection:
        """The connection to the database that sessions are written to."""
        return self._connect(router.db_for_write)

    @property
    def _reader(self) -> Connection:
        """The connection to the database that sessions are read from, perhaps a replica."""
        return self._connect(router.db_for_read)

    def _connect(self, route: Callable[..., str]) -> Connection:
        """Return a connection for one verb. ``route`` is a method of Django's router."""
        alias = self.database or route(Session)
        django_connection = connections[alias]
        if alias not in self.statements:
            self.statements[alias] = Statements(django_connection)
        return Connection(django_connection, self.statements[alias])

    def _update(self, old: str, new: str, change: Change) -> bool:
        """Apply the change to a live session and give it the new id, which may be the old one."""
        connection = self._writer
        columns = encoding.to_columns(change, connection.to_db_time)
        if old != new:
            columns["handle"] = new
        merges = encoding.to_merges(change)
        now = connection.to_db_time(self.clock())
        return _write_indexed(
            connection, new, change.references, lambda: connection.update(columns, merges, old, now)
        )


def _write_indexed(
    connection: Connection, id: str, references: Names, write: Callable[[], bool]
) -> bool:
    """Write a session and, in the same transaction, those references that the index holds."""
    indexed = encoding.further(references)

    def write_both() -> bool:
        with connection.atomic():
            is_written = write()
            if is_written:
                connection.reindex(id, indexed)
        return is_written

    return connection.write(write_both if indexed else write)


def _purge(
    connection: Connection, start: Any, now: Any, limit: int, columns: Sequence[str]
) -> list[Row]:
    """Delete the expired sessions from a ``purge_at`` on, and return their rows."""
    where, parameters = "purge_at >= %s AND purge_at <= %s", [start, now, limit]
    return connection.delete_some(where, parameters, "purge_at, id", columns, skip_locked=True)


def _delete_leftovers(connection: Connection, now: Any, limit: int) -> None:
    """Delete index entries that have no session, and leases that have ended."""
    statements, deleted = connection.statements, limit
    while deleted >= limit:
        deleted = connection.write(
            lambda: connection.execute(statements.delete_orphaned_references, [limit])
        )
    connection.write(lambda: connection.execute(statements.delete_expired_leases, [now]))
