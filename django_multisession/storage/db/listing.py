"""The verbs for many sessions: by reference, by time, by handle."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import Error, router

from ... import keys
from ...expiry import UTC
from ...record import Record
from ..base import Found, Storage, Tell
from . import rows
from .link import Link
from .rows import FACTS
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
    def _link(self, route: Callable[..., str] = router.db_for_write) -> Link:
        """For one verb."""

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

    def count(self, over: bool = False) -> int:
        link = self._link(router.db_for_read)
        now = self.clock()
        if over:
            return int(link.fetch(link.statements.count_over, [link.moment(now)])[0][0])
        bounds = [link.moment(now + rows.GRID), link.moment(now)]
        return int(link.fetch(link.statements.count, [*bounds, *bounds])[0][0])

    def purge(self, limit: int = 1000, tell: Tell | None = None) -> int:
        """Goes on where the last batch ended, and at the end from the beginning: until a vacuum an
        index holds on to what was deleted, and each batch would go through more of that."""
        link = self._link()
        columns = PURGED if tell is None else (*FACTS, "purge_at", "handle", "id")
        now, place = link.moment(self.clock()), columns.index("purge_at")
        first, start = link.moment(BEGINNING), self._purged_to
        purged = self._purge(link, start or first, now, limit, columns)
        last = max((row[place] for row in purged), default=None)
        if start and len(purged) < limit:
            purged += self._purge(link, first, now, limit - len(purged), columns)
        self._purged_to = last if len(purged) == limit else None
        if tell is not None:
            tell([link.found(row) for row in purged])
        if len(purged) < limit:
            _tidy(link, now, limit)
        return len(purged)

    def clear(self) -> int:
        link = self._link()
        count = link.execute(f"DELETE FROM {link.statements.sessions}")
        link.execute(f"DELETE FROM {link.statements.references}")
        return count

    def _purge(
        self, link: Link, start: Any, now: Any, limit: int, columns: Sequence[str]
    ) -> list[Any]:
        where, parameters = "purge_at >= %s AND purge_at <= %s", [start, now, limit]
        return link.delete_some(where, parameters, "purge_at, id", columns, skip_locked=True)


def _tidy(link: Link, now: Any, limit: int) -> None:
    """Delete what the index holds of no session, and leases that have ended."""
    statements, deleted = link.statements, limit
    while deleted >= limit:
        deleted = link.write(lambda: link.execute(statements.forget_orphans, [limit]))
    link.write(lambda: link.execute(statements.forget_leases, [now]))


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
