"""`DatabaseStorage`: every verb one statement, merged by the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from django.db import connections, router

from ...core.expiry import utcnow
from ...core.record import Change, Record
from ...models import Session
from ..base import Finding
from . import encoding
from .connection import Connection
from .diagnostics import findings
from .listing import Listing
from .statements import Statements


class DatabaseStorage(Listing):
    """Sessions in the table of `models.Session`, on SQLite, PostgreSQL, MySQL or MariaDB.

    Cost: one statement a verb and no transaction, with these exceptions. A change of a reference
    other than ``user``: a transaction, with two statements more for each. A bulk deletion on
    MySQL and MariaDB, and on MySQL any deletion: two statements in a transaction. ``find`` and
    ``delete_matching``: once for every 500 sessions. ``sample``: twice near the end.
    ``page``: twice, where an hour ends. The last ``purge`` of a run: three more, over what was
    skipped, the index of further references, and leases. ``hold``: two for a new lease, three where
    it is refused. Times come from the application's clock.
    """

    def __init__(
        self, *, database: str | None = None, clock: Callable[[], datetime] = utcnow
    ) -> None:
        """``database``: an alias of DATABASES; None asks the routers each time."""
        super().__init__(clock=clock)
        self.database = database
        self._statements: dict[str, Statements] = {}
        self._purged_to = None

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        link = self._connection(router.db_for_read)
        if names is not None and (read_some := link.statements.read_some):
            found = link.fetch(read_some, [json.dumps(list(names)), id])
        else:
            found = link.fetch(link.statements.read, [id])
        if not found:
            return None
        fields = encoding.to_fields(found[0][-1], id)
        if names is not None:
            fields = {name: fields[name] for name in names if name in fields}
        return link.record(found[0], fields)

    def insert(self, id: str, record: Record) -> bool:
        link = self._connection()
        row = encoding.to_row(id, record, link.to_db_time)
        sessions = link.statements.sessions
        return _indexed(link, id, record.references, lambda: link.insert(sessions, row))

    def update(self, id: str, change: Change) -> bool:
        return self._update(id, id, change)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        return self._update(old, new, change)

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        link = self._connection()
        if not expired_only:
            return link.delete(id)
        where = "handle = %s AND expires_at <= %s"
        deleted = link.delete_some(where, [id, link.to_db_time(self.clock()), 1])
        return link.record(deleted[0]) if deleted else None

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        link = self._connection()
        now, ends = link.to_db_time(self.clock()), link.to_db_time(until)
        row = {"name": name, "owner": owner, "expires_at": ends}
        renewal = [owner, ends, name, owner, now]

        def renew() -> bool:
            return link.execute(link.statements.renew, renewal) > 0

        if link.write(renew) or link.write(lambda: link.insert(link.statements.leases, row)):
            return True
        # Another thread of the same owner may have been faster. Within a transaction MySQL would
        # find a deadlock here, because those that are refused all lock what refuses them.
        return not link.connection.in_atomic_block and link.write(renew)

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        link = self._connection()  # what was ended a moment ago is not to come back from a replica
        parameters = [*names, link.to_db_time(self.clock())]
        found = link.fetch(link.statements.active_leases(len(names)), parameters) if names else []
        return {name: link.from_db_time(ends) for name, ends in found}

    def diagnose(self) -> list[Finding]:
        """A dozen statements: the catalogue has much to tell."""
        link = self._connection()
        return [*findings(link.connection, link.statements.dialect, self.clock())]

    def _connection(self, route: Callable[..., str] = router.db_for_write) -> Connection:
        alias = self.database or route(Session)
        connection = connections[alias]
        if alias not in self._statements:
            self._statements[alias] = Statements(connection)
        return Connection(connection, self._statements[alias])

    def _update(self, old: str, new: str, change: Change) -> bool:
        link = self._connection()
        columns = encoding.to_columns(change, link.to_db_time)
        if old != new:
            columns["handle"] = new
        merges = encoding.to_merges(change)
        now = link.to_db_time(self.clock())
        return _indexed(
            link, new, change.references, lambda: link.update(columns, merges, old, now)
        )


def _indexed(
    link: Connection, id: str, references: Mapping[str, str | None], write: Callable[[], bool]
) -> bool:
    """Write a session, and in the same transaction what the index says of it, if that changes."""
    further = encoding.further(references)

    def write_both() -> bool:
        with link.atomic():
            written = write()
            if written:
                link.reindex(id, further)
        return written

    return link.write(write_both if further else write)
