"""Reading the buckets: a page or a sample of all sessions, and chunks of all buckets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from random import randrange

from .commands import Command, CommandBuilder
from .keys import TAGS, tag_of

SCAN_GROWTH = 16  # 1, 16, 256 buckets, and then the rest: at most four round trips
PURGE_GROWTH = 4  # how many times as many buckets a purge reads next
COUNT_CHUNK = 1024  # buckets a round trip, if each answers a number
LIST_CHUNK = 256  # buckets a round trip, if each answers ids

_CURSOR = re.compile(r">([A-Za-z0-9_-]{43})")


class BucketScan:
    """A scan that collects ids from buckets until there are more than ``limit``.

    Send what `next_commands` returns and pass the answers to `add`, until no command is left.

    Ids are hashes, so they fill the buckets evenly. If one bucket has too few ids, sixteen have at
    most some sixteen times as many. A bucket is read whole: a 4096th of all ids.
    """

    def __init__(self, start: int, limit: int, now: datetime, commands: CommandBuilder) -> None:
        """``start``: the number of the bucket to begin with."""
        self._start, self._limit, self._now, self.commands = start, limit, now, commands
        self._found: list[str] = []
        self._buckets_read = 0
        self._step = 1

    @property
    def ids(self) -> list[str]:
        """The ids found, ``limit`` at most."""
        return self._found[: self._limit]

    @property
    def has_more(self) -> bool:
        """True if more ids than ``limit`` were found."""
        return len(self._found) > self._limit

    def next_commands(self) -> list[Command]:
        """Return the commands that read the next buckets, or none if enough ids are known."""
        step = self._step if self._step < SCAN_GROWTH**3 else len(TAGS)
        first = self._buckets_read
        tags = [] if self.has_more else self._tags(first, first + step)
        self._buckets_read, self._step = first + len(tags), self._step * SCAN_GROWTH
        return [self.commands.live(tag, self._now) for tag in tags]

    def add(self, answers: Iterable[Iterable[bytes]]) -> None:
        """Add the ids that the server answered."""
        for answer in answers:
            self._found += sorted(map(bytes.decode, answer))

    def _tags(self, first: int, last: int) -> list[str]:
        return TAGS[self._start + first : self._start + last]


class Page(BucketScan):
    """The ids that follow a cursor, in order."""

    def __init__(
        self, after: str | None, limit: int, now: datetime, commands: CommandBuilder
    ) -> None:
        """Begin after the cursor, or with the first id for None.

        Raises ValueError if ``after`` is not a cursor.
        """
        match = _CURSOR.fullmatch(after) if after is not None else None
        if after is not None and match is None:
            raise ValueError(f"{after!r} is not a cursor of this storage.")
        self._after = match[1] if match else ""
        super().__init__(TAGS.index(tag_of(self._after)) if match else 0, limit, now, commands)

    @property
    def cursor(self) -> str | None:
        """The cursor of the next page, or None on the last page."""
        return f">{self.ids[-1]}" if self.has_more else None

    def add(self, answers: Iterable[Iterable[bytes]]) -> None:
        super().add(answers)
        self._found = [id for id in self._found if id > self._after]


class Sample(BucketScan):
    """The ids of random buckets. Their number allows an estimate of how many ids there are."""

    def __init__(self, limit: int, now: datetime, commands: CommandBuilder) -> None:
        super().__init__(randrange(len(TAGS)), limit, now, commands)  # noqa: S311

    @property
    def estimate(self) -> int:
        """The estimated number of ids in all buckets."""
        return round(len(self._found) * len(TAGS) / self._buckets_read)

    def _tags(self, first: int, last: int) -> list[str]:
        """Return tags in a circle: the first bucket follows the last one."""
        circle = TAGS[self._start :] + TAGS[: self._start]
        return circle[first:last]


def tag_chunks(size: int) -> Iterator[list[str]]:
    """Yield all tags in lists of ``size``."""
    return (TAGS[first : first + size] for first in range(0, len(TAGS), size))


def growing_chunks(start: int) -> Iterator[list[str]]:
    """Yield all tags from ``start`` on, in a circle, in ever longer lists."""
    tags, first, size = TAGS[start:] + TAGS[:start], 0, 1
    while first < len(tags):
        yield tags[first : first + size]
        first, size = first + size, min(size * PURGE_GROWTH, COUNT_CHUNK)


def decode_ids(answers: Iterable[Iterable[bytes]]) -> list[str]:
    """Return the ids of all answers in one list."""
    return [id.decode() for answer in answers for id in answer]
