"""Deleting what is over, and what has outlived its use, in batches and while the site runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..core.record import Record
from ..engine import store
from ..session import SessionStore

Progress = Callable[[int], object]  # told how many so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``batch_size``: sessions at a time. ``pause``: seconds between two batches. ``limit``: stop
    after so many. ``announces``: whether `session_ended` is sent.

    Raises ValueError for numbers that make no sense.
    """

    batch_size: int = 1000
    pause: float = 0.0
    limit: int | None = None
    announces: bool = True

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
class RetentionPolicy:
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
    """Prune one batch with each step and yield its size. The last batch is not full."""
    done, wanted = 0, pace.next(0)
    while wanted:
        pruned = engine.purge(wanted, announces=pace.announces)
        done += pruned
        yield pruned
        wanted = pace.next(done) if pruned == wanted else 0
        if wanted:
            time.sleep(pace.pause)


async def abatches(engine: type[SessionStore], pace: Pace) -> AsyncIterator[int]:
    """See batches()."""
    done, wanted = 0, pace.next(0)
    while wanted:
        pruned = await engine.apurge(wanted, announces=pace.announces)
        done += pruned
        yield pruned
        wanted = pace.next(done) if pruned == wanted else 0
        if wanted:
            await asyncio.sleep(pace.pause)


def end_by_policy(engine: type[SessionStore], policy: RetentionPolicy, pace: Pace) -> Iterator[int]:
    """End the live sessions that a policy covers.

    Yield 1 or 0 for each, and 0 after each page of all sessions. A session that is used at that
    very moment ends, too.
    """
    done, storage = 0, engine.storage
    for entries in storage.pages(pace.batch_size):
        now = storage.clock()
        for handle in [handle for handle, record in entries if policy.covers(record, now)]:
            if not pace.next(done):
                return
            ended = int(engine.end(handle, "pruned", announces=pace.announces))
            done += ended
            yield ended
        yield 0


def count_by_policy(
    engine: type[SessionStore], policy: RetentionPolicy, pace: Pace
) -> Iterator[int]:
    """Count the sessions that end_by_policy() would end. Yield the number of each page."""
    for entries in engine.storage.pages(pace.batch_size):
        yield sum(policy.covers(record, engine.storage.clock()) for _, record in entries)
