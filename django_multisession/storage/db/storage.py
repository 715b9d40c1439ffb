"""`DatabaseStorage`: every verb one statement, merged by the server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db import Error, connections, router

from ... import keys
from ...expiry import UTC, utcnow
from ...models import Session
from ...record import Change, Record
from ..base import Found, Storage
from . import rows
from .link import Link
from .statements import Statements

BATCH = 500  # rows a statement, where there may be many

_CURSOR = re.compile(r"(\d{1,11})-(\d{1,19})")  # purge_at in epoch seconds, id


class DatabaseStorage(Storage):
    """Sessions in the table of `models.Session`, on SQLite, PostgreSQL, MySQL or MariaDB.

    Cost: one statement a verb and no transaction, with these exceptions. A change of a reference
    other than ``user``: a transaction, with two statements more for each. A bulk deletion on
    MySQL and MariaDB, and on MySQL any deletion: two statements in a transaction. ``find`` and
    ``delete_found``: once for every 500 sessions. ``sample``: twice, where it begins near the end.
    ``page``: twice, where an hour ends. The last ``purge`` of a run: one more, over the index of
    further references. Times come from the application's clock.
    """

    outages = (Error,)
    thread_sensitive = True
    pages_by_activity = True  # by the hour, which is what `purge_at` is rounded to
    shows_expired = True

    def __init__(
        self, *, database: str | None = None, clock: Callable[[], datetime] = utcnow
    ) -> None:
        """``database``: an alias of DATABASES; None asks the routers each time."""
        super().__init__(clock=clock)
        self.database = database
        self._statements: dict[str, Statements] = {}

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        link = self._link(router.db_for_read)
        if names is not None and (read_some := link.statements.read_some):
            found = link.fetch(read_some, [json.dumps(list(names)), id])
        else:
            found = link.fetch(link.statements.read, [id])
        if not found:
            return None
        fields = rows.to_fields(found[0][-1], id)
        if names is not None:
            fields = {name: fields[name] for name in names if name in fields}
        return link.record(found[0], fields)

    def insert(self, id: str, record: Record) -> bool:
        link = self._link()
        row = rows.to_row(id, record, link.moment)
        return _indexed(link, id, record.references, lambda: link.insert(row))

    def update(self, id: str, change: Change) -> bool:
        return self._update(id, id, change)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        return self._update(old, new, change)

    def delete(self, id: str, over: bool = False) -> Record | None:
        link = self._link()
        if not over:
            return link.delete(id)
        where = "handle = %s AND expires_at <= %s"
        deleted = link.delete_some(where, [id, link.moment(self.clock()), 1])
        return link.record(deleted[0]) if deleted else None

    def find(self, name: str, value: str) -> Iterator[Found]:
        link = self._link(router.db_for_read)
        where = f"{link.statements.belongs(name)} AND expires_at > %s AND id > %s"
        select = link.statements.select(where)
        last = 0
        while True:
            parameters = [*_belonging(name, value), link.moment(self.clock()), last, BATCH]
            found = link.fetch(select, parameters)
            yield from map(link.found, found)
            if len(found) < BATCH:
                return
            last = found[-1][-1]

    def delete_found(self, name: str, value: str, keep: str | None = None) -> Iterator[Found]:
        link = self._link()
        where = f"{link.statements.belongs(name)} AND expires_at > %s AND handle <> %s"
        while True:
            now = link.moment(self.clock())
            parameters = [*_belonging(name, value), now, keep or "", BATCH]
            deleted = link.delete_some(where, parameters)
            yield from map(link.found, deleted)
            if len(deleted) < BATCH:
                return

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Found], str | None]:
        """First the rest of the hour that the cursor is in: one condition for both has a server go
        through all of that hour before it."""
        link = self._link(router.db_for_read)
        now = link.moment(self.clock())
        found: list[Any] = []
        for where, order, parameters in _following(link, after, now):
            if len(found) <= limit:
                select = link.statements.select(f"expires_at > %s AND {where}", order)
                found += link.fetch(select, [now, *parameters, limit + 1 - len(found)])
        page = [link.found(row) for row in found[:limit]]
        return page, _cursor(page[-1][1], found[limit - 1][-1]) if len(found) > limit else None

    def sample(self, limit: int = 1000) -> tuple[list[Found], int]:
        """So many neighbours by their handles, which are hashes. How densely they lie tells how
        many there are."""
        link, start = self._link(router.db_for_read), keys.new_handle()
        found: list[Any] = []
        for statement in link.statements.sample:
            if len(found) <= limit:
                found += link.fetch(statement, [start, limit + 1 - len(found)])
        now, rows = self.clock(), [link.found(row) for row in found[:limit]]
        live = [each for each in rows if each[1].is_live(now)]
        if len(found) <= limit:
            return live, len(live)
        span = (keys.place_of(found[-1][-2]) - keys.place_of(start)) % 1
        return live, max(len(live) + 1, round(len(live) / (span or 1)))

    def count(self) -> int:
        link = self._link(router.db_for_read)
        now = self.clock()
        bounds = [link.moment(now + rows.GRID), link.moment(now)]
        return int(link.fetch(link.statements.count, [*bounds, *bounds])[0][0])

    def purge(self, limit: int = 1000) -> int:
        link = self._link()
        parameters = [link.moment(self.clock()), limit]
        purged = link.delete_some("purge_at <= %s", parameters, "purge_at", skip_locked=True)
        if len(purged) < limit:  # the last batch
            link.write(lambda: link.execute(link.statements.forget_orphans, [limit]))
        return len(purged)

    def clear(self) -> int:
        link = self._link()
        count = link.execute(f"DELETE FROM {link.statements.sessions}")
        link.execute(f"DELETE FROM {link.statements.references}")
        return count

    def _link(self, route: Callable[..., str] = router.db_for_write) -> Link:
        alias = self.database or route(Session)
        connection = connections[alias]
        if alias not in self._statements:
            self._statements[alias] = Statements(connection)
        return Link(connection, self._statements[alias])

    def _update(self, old: str, new: str, change: Change) -> bool:
        link = self._link()
        columns = rows.to_columns(change, link.moment)
        if old != new:
            columns["handle"] = new
        merges = rows.to_merges(change)
        now = link.moment(self.clock())
        return _indexed(
            link, new, change.references, lambda: link.update(columns, merges, old, now)
        )


def _indexed(
    link: Link, id: str, references: Mapping[str, str | None], write: Callable[[], bool]
) -> bool:
    """Write a session, and in the same transaction what the index says of it, if that changes."""
    further = rows.further(references)

    def write_both() -> bool:
        with link.atomic():
            written = write()
            if written:
                link.reindex(id, further)
        return written

    return link.write(write_both if further else write)


def _belonging(name: str, value: str) -> list[str]:
    """The parameters of `Statements.belongs`."""
    return [value] if name == rows.USER else [name, value, json.dumps({name: value})]


def _following(link: Link, after: str | None, now: Any) -> list[tuple[str, str, list[Any]]]:
    """What comes after a cursor: the condition, the order, and the condition's parameters."""
    order = "purge_at DESC, id DESC"
    if after is None:
        return [("purge_at > %s", order, [now])]
    moment, id = _position(after)
    hour = link.moment(moment)
    same_hour = ("purge_at = %s AND id < %s", "id DESC", [hour, id])
    return [same_hour, ("purge_at > %s AND purge_at < %s", order, [now, hour])]


def _cursor(last: Record, id: int) -> str:
    return f"{int(rows.on_grid(last.expires_at).timestamp())}-{id}"


def _position(cursor: str) -> tuple[datetime, int]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ValueError(f"{cursor!r} is not a cursor of this storage.")
    return datetime.fromtimestamp(int(match[1]), UTC), int(match[2])
