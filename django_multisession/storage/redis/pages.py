"""One page of all sessions, gathered from the buckets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from .calls import Call, Calls
from .names import TAGS, tag_of

GROWTH = 16  # 1, 16, 256 buckets, and then the rest: four round trips at most

_CURSOR = re.compile(r">([A-Za-z0-9_-]{43})")


class Page:
    """The ids that follow the cursor. `take` the answers to `calls` until there are none.

    Ids are hashes, so they fill the buckets evenly, and where one bucket has too few, sixteen
    bring some sixteen times as many at most. A bucket is read whole: a 4096th of all ids.
    """

    def __init__(self, after: str | None, limit: int, now: datetime, calls: Calls) -> None:
        """Raises ValueError for a cursor that is none."""
        match = _CURSOR.fullmatch(after) if after is not None else None
        if after is not None and match is None:
            raise ValueError(f"{after!r} is not a cursor of this storage.")
        self._after = match[1] if match else ""
        self._limit, self._now, self._calls = limit, now, calls
        self._found: list[str] = []
        self._next = TAGS.index(tag_of(self._after)) if match else 0
        self._step = 1

    @property
    def ids(self) -> list[str]:
        return self._found[: self._limit]

    @property
    def cursor(self) -> str | None:
        """Of the next page."""
        return f">{self.ids[-1]}" if len(self._found) > self._limit else None

    def calls(self) -> list[Call]:
        if len(self._found) > self._limit:
            return []
        step = self._step if self._step < GROWTH**3 else len(TAGS)
        tags = TAGS[self._next : self._next + step]
        self._next, self._step = self._next + step, self._step * GROWTH
        return [self._calls.live(tag, self._now) for tag in tags]

    def take(self, answers: Iterable[Iterable[bytes]]) -> None:
        for answer in answers:
            self._found += [id for id in sorted(map(bytes.decode, answer)) if id > self._after]
