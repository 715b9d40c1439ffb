"""Deleting what is over, and what has outlived its use, in batches and while the site runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from . import signals
from .engine import store
from .record import Record
from .session import SessionStore
from .sources import endings
from .storage.base import Found, Tell, pages

Progress = Callable[[int], object]  # told how many so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``batch_size``: sessions at a time. ``pause``: seconds between two batches. ``limit``: stop
    after so many. ``tells``: does `session_ended` tell of them, where anybody listens?

    Raises ValueError for numbers that make no sense.
    """

    batch_size: int = 1000
    pause: float = 0.0
    limit: int | None = None
    tells: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.pause < 0 or (self.limit is not None and self.limit < 0):
            raise ValueError("batch_size must be 1 or more, and limit and pause 0 or more.")

    def after(self, done: int) -> Pace:
        """The pace of what follows."""
        return self if self.limit is None else replace(self, limit=self.limit - done)

    def next(self, done: int) -> int:
        """The size of the batch that comes when there were so many."""
        return self.batch_size if self.limit is None else min(self.batch_size, self.limit - done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which live sessions are to end: begun so long ago, and not used for so long, and, if wanted,
    those that belong to nobody."""

    older_than: timedelta | None = None
    idle: timedelta | None = None
    anonymous: bool = False

    def covers(self, record: Record, now: datetime) -> bool:
        return (
            (self.older_than is None or now - record.created_at >= self.older_than)
            and (self.idle is None or now - record.last_seen_at >= self.idle)
            and not (self.anonymous and record.references)
        )


def prune(
    *,
    batch_size: int = 1000,
    pause: float = 0.0,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Delete sessions that are over, and what the index still holds of them; how many there were.

    ``pause``: seconds between two batches. ``limit``: stop after so many. ``progress`` is told
    after each batch how many there were so far. `session_ended` tells of those that the server
    still has, if anybody listens. Raises ValueError for numbers that make no sense.
    """
    pruned, pace = 0, Pace(batch_size=batch_size, pause=pause, limit=limit)
    for number in batches(store(), pace):
        pruned += number
        if progress is not None:
            progress(pruned)
    return pruned


async def aprune(
    *,
    batch_size: int = 1000,
    pause: float = 0.0,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """See prune()."""
    pruned, pace = 0, Pace(batch_size=batch_size, pause=pause, limit=limit)
    async for number in abatches(store(), pace):
        pruned += number
        if progress is not None:
            progress(pruned)
    return pruned


def batches(engine: type[SessionStore], pace: Pace) -> Iterator[int]:
    """Prune, a batch with each step: how many it had. The last one is not full."""
    done, wanted = 0, pace.next(0)
    while wanted:
        ended: list[Found] = []
        try:
            got = engine.storage.purge(wanted, _tell(engine, pace, ended))
        finally:
            signals.send(engine, [signals.ended(*each, "expired") for each in ended])
        done += got
        yield got
        wanted = pace.next(done) if got == wanted else 0
        if wanted:
            time.sleep(pace.pause)


async def abatches(engine: type[SessionStore], pace: Pace) -> AsyncIterator[int]:
    """See batches()."""
    done, wanted = 0, pace.next(0)
    while wanted:
        ended: list[Found] = []
        try:
            got = await engine.storage.apurge(wanted, _tell(engine, pace, ended))
        finally:
            await signals.asend(engine, [signals.ended(*each, "expired") for each in ended])
        done += got
        yield got
        wanted = pace.next(done) if got == wanted else 0
        if wanted:
            await asyncio.sleep(pace.pause)


def weed(engine: type[SessionStore], policy: Policy, pace: Pace) -> Iterator[int]:
    """End live sessions that a policy covers, one with each step: 1; and 0 after each page of all
    there are. One that is used at that very moment ends, too."""
    done, storage = 0, engine.storage
    for found in pages(storage, pace.batch_size):
        for id in [id for id, record in found if policy.covers(record, storage.clock())]:
            if not pace.next(done):
                return
            number = _weed_one(engine, id, pace)
            done += number
            yield number
        yield 0


def _weed_one(engine: type[SessionStore], id: str, pace: Pace) -> int:
    endings.refuse(engine.storage, id)
    record = engine.storage.delete(id)
    if record is not None and pace.tells:
        signals.send(engine, [signals.ended(id, record, "pruned")])
    return int(record is not None)


def covered(engine: type[SessionStore], policy: Policy, pace: Pace) -> Iterator[int]:
    """How many `weed` would end, a page with each step."""
    for found in pages(engine.storage, pace.batch_size):
        yield sum(policy.covers(record, engine.storage.clock()) for _, record in found)


def _tell(engine: type[SessionStore], pace: Pace, ended: list[Found]) -> Tell | None:
    """What the facts of sessions are not read for, if nobody listens."""
    is_heard = pace.tells and signals.session_ended.has_listeners(engine)
    return ended.extend if is_heard else None
