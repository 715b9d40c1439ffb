"""The verbs for many sessions: by reference, by time, by handle."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import Error, router

from ...core import keys
from ...core.expiry import UTC
from ...core.record import Record
from ..base import Entry, OnDeleted, Storage
from . import encoding
from .connection import Connection
from .encoding import FACTS
from .statements import PURGED

BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)  # before all, in any time zone
BATCH = 500  # rows a statement, where there may be many

_CURSOR = re.compile(r"(\d{1,11})-(\d{1,19})")  # purge_at in epoch seconds, id


class Listing(Storage):
    """Goes through the table by its indexes."""

    outages = (Error,)
    thread_sensitive = True
    pages_by_activity = True  # by the hour, which is what `purge_at` is rounded to
    shows_expired = True

    _purged_to: Any  # up to which `purge_at` there may be nothing left

    @abstractmethod
    def _connection(self, route: Callable[..., str] = router.db_for_write) -> Connection:
        """For one verb."""

    def find(self, name: str, value: str) -> Iterator[Entry]:
        link = self._connection(router.db_for_read)
        where = f"{link.statements.belongs(name)} AND expires_at > %s AND id > %s"
        select = link.statements.select(where)
        last = 0
        while True:
            parameters = [*_belonging(name, value), link.to_db_time(self.clock()), last, BATCH]
            found = link.fetch(select, parameters)
            yield from map(link.found, found)
            if len(found) < BATCH:
                return
            last = found[-1][-1]

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        link = self._connection()
        where = f"{link.statements.belongs(name)} AND expires_at > %s AND handle <> %s"
        while True:
            now = link.to_db_time(self.clock())
            parameters = [*_belonging(name, value), now, keep or "", BATCH]
            deleted = link.delete_some(where, parameters)
            yield from map(link.found, deleted)
            if len(deleted) < BATCH:
                return

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        """First the rest of the hour that the cursor is in: one condition for both has a server go
        through all of that hour before it."""
        link = self._connection(router.db_for_read)
        now = link.to_db_time(self.clock())
        found: list[Any] = []
        for where, order, parameters in _following(link, after, now):
            if len(found) <= limit:
                select = link.statements.select(f"expires_at > %s AND {where}", order)
                found += link.fetch(select, [now, *parameters, limit + 1 - len(found)])
        page = [link.found(row) for row in found[:limit]]
        return page, _cursor(page[-1][1], found[limit - 1][-1]) if len(found) > limit else None

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        """So many neighbours by their handles, which are hashes. How densely they lie tells how
        many there are."""
        link, start = self._connection(router.db_for_read), keys.new_handle()
        found: list[Any] = []
        for statement in link.statements.sample:
            if len(found) <= limit:
                found += link.fetch(statement, [start, limit + 1 - len(found)])
        now, rows = self.clock(), [link.found(row) for row in found[:limit]]
        live = [each for each in rows if each[1].is_live(now)]
        if len(found) <= limit:
            return live, len(live)
        span = (keys.position(found[-1][-2]) - keys.position(start)) % 1
        return live, max(len(live) + 1, round(len(live) / (span or 1)))

    def count(self, expired_only: bool = False) -> int:
        link = self._connection(router.db_for_read)
        now = self.clock()
        if expired_only:
            return int(link.fetch(link.statements.count_over, [link.to_db_time(now)])[0][0])
        bounds = [link.to_db_time(now + encoding.PURGE_GRANULARITY), link.to_db_time(now)]
        return int(link.fetch(link.statements.count, [*bounds, *bounds])[0][0])

    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """Goes on where the last batch ended, and at the end from the beginning: until a vacuum an
        index holds on to what was deleted, and each batch would go through more of that."""
        link = self._connection()
        columns = PURGED if on_deleted is None else (*FACTS, "purge_at", "handle", "id")
        now, place = link.to_db_time(self.clock()), columns.index("purge_at")
        first, start = link.to_db_time(BEGINNING), self._purged_to
        purged = self._purge(link, start or first, now, limit, columns)
        last = max((row[place] for row in purged), default=None)
        if start and len(purged) < limit:
            purged += self._purge(link, first, now, limit - len(purged), columns)
        self._purged_to = last if len(purged) == limit else None
        if on_deleted is not None:
            on_deleted([link.found(row) for row in purged])
        if len(purged) < limit:
            _tidy(link, now, limit)
        return len(purged)

    def clear(self) -> int:
        link = self._connection()
        count = link.execute(f"DELETE FROM {link.statements.sessions}")
        link.execute(f"DELETE FROM {link.statements.references}")
        return count

    def _purge(
        self, link: Connection, start: Any, now: Any, limit: int, columns: Sequence[str]
    ) -> list[Any]:
        where, parameters = "purge_at >= %s AND purge_at <= %s", [start, now, limit]
        return link.delete_some(where, parameters, "purge_at, id", columns, skip_locked=True)


def _tidy(link: Connection, now: Any, limit: int) -> None:
    """Delete what the index holds of no session, and leases that have ended."""
    statements, deleted = link.statements, limit
    while deleted >= limit:
        deleted = link.write(lambda: link.execute(statements.delete_orphaned_references, [limit]))
    link.write(lambda: link.execute(statements.delete_expired_leases, [now]))


def _belonging(name: str, value: str) -> list[str]:
    """The parameters of `Statements.belongs`."""
    return [value] if name == encoding.USER else [name, value, json.dumps({name: value})]


def _following(link: Connection, after: str | None, now: Any) -> list[tuple[str, str, list[Any]]]:
    """What comes after a cursor: the condition, the order, and the condition's parameters."""
    order = "purge_at DESC, id DESC"
    if after is None:
        return [("purge_at > %s", order, [now])]
    moment, id = _position(after)
    hour = link.to_db_time(moment)
    same_hour = ("purge_at = %s AND id < %s", "id DESC", [hour, id])
    return [same_hour, ("purge_at > %s AND purge_at < %s", order, [now, hour])]


def _cursor(last: Record, id: int) -> str:
    return f"{int(encoding.to_purge_time(last.expires_at).timestamp())}-{id}"


def _position(cursor: str) -> tuple[datetime, int]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ValueError(f"{cursor!r} is not a cursor of this storage.")
    return datetime.fromtimestamp(int(match[1]), UTC), int(match[2])
