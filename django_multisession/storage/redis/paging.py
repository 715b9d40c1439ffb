"""Some of all sessions, gathered from the buckets: a page, or a sample. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from random import randrange

from .commands import Command, CommandBuilder
from .keys import TAGS, tag_of

GROWTH = 16  # 1, 16, 256 buckets, and then the rest: four round trips at most

_CURSOR = re.compile(r">([A-Za-z0-9_-]{43})")


class BucketScan:
    """Ids, until there are more than ``limit``. `take` the answers to `calls` until there are none.

    Ids are hashes, so they fill the buckets evenly, and where one bucket has too few, sixteen
    bring some sixteen times as many at most. A bucket is read whole: a 4096th of all ids.
    """

    def __init__(self, start: int, limit: int, now: datetime, calls: CommandBuilder) -> None:
        """``start``: the bucket to begin with."""
        self._start, self._limit, self._now, self._calls = start, limit, now, calls
        self._found: list[str] = []
        self._read = 0  # buckets
        self._step = 1

    @property
    def ids(self) -> list[str]:
        return self._found[: self._limit]

    @property
    def has_more(self) -> bool:
        """More than those, that is."""
        return len(self._found) > self._limit

    def calls(self) -> list[Command]:
        step = self._step if self._step < GROWTH**3 else len(TAGS)
        tags = [] if self.has_more else self._tags(self._read, self._read + step)
        self._read, self._step = self._read + len(tags), self._step * GROWTH
        return [self._calls.live(tag, self._now) for tag in tags]

    def take(self, answers: Iterable[Iterable[bytes]]) -> None:
        for answer in answers:
            self._found += sorted(map(bytes.decode, answer))

    def _tags(self, first: int, last: int) -> list[str]:
        return TAGS[self._start + first : self._start + last]


class Page(BucketScan):
    """The ids that follow the cursor."""

    def __init__(self, after: str | None, limit: int, now: datetime, calls: CommandBuilder) -> None:
        """Raises ValueError for a cursor that is none."""
        match = _CURSOR.fullmatch(after) if after is not None else None
        if after is not None and match is None:
            raise ValueError(f"{after!r} is not a cursor of this storage.")
        self._after = match[1] if match else ""
        super().__init__(TAGS.index(tag_of(self._after)) if match else 0, limit, now, calls)

    @property
    def cursor(self) -> str | None:
        """Of the next page."""
        return f">{self.ids[-1]}" if self.has_more else None

    def take(self, answers: Iterable[Iterable[bytes]]) -> None:
        super().take(answers)
        self._found = [id for id in self._found if id > self._after]


class Sample(BucketScan):
    """Ids of any buckets. How many these hold tells how many there are in all."""

    def __init__(self, limit: int, now: datetime, calls: CommandBuilder) -> None:
        super().__init__(randrange(len(TAGS)), limit, now, calls)  # noqa: S311

    @property
    def about(self) -> int:
        return round(len(self._found) * len(TAGS) / self._read)

    def _tags(self, first: int, last: int) -> list[str]:
        """In a circle."""
        circle = TAGS[self._start :] + TAGS[: self._start]
        return circle[first:last]
