"""Deletion of expired sessions, and of live ones by policy, in batches while the site runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..core.record import Record
from ..engine import store
from ..session import SessionStore

Progress = Callable[[int], object]  # called with the number of sessions so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The pace at which sessions are deleted.

    ``batch_size``: sessions in a batch. ``pause``: seconds between two batches. ``limit``: the
    maximum number of sessions. ``announces``: whether `session_ended` is sent. Raises ValueError
    if one of them is out of range.
    """

    batch_size: int = 1000
    pause: float = 0.0
    limit: int | None = None
    announces: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.pause < 0 or (self.limit is not None and self.limit < 0):
            raise ValueError("batch_size must be 1 or more, and limit and pause 0 or more.")

    def after(self, done: int) -> Pace:
        """Return the pace for what is left to do after ``done`` sessions."""
        return self if self.limit is None else replace(self, limit=self.limit - done)

    def next(self, done: int) -> int:
        """Return the size of the next batch after ``done`` sessions; 0 if the limit is reached."""
        return self.batch_size if self.limit is None else min(self.batch_size, self.limit - done)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """Which live sessions to end. A session must meet every condition that is set.

    ``older_than``: it began at least this long ago. ``idle``: it was last used at least this long
    ago. ``anonymous``: it belongs to nobody, that is, it has no references.
    """

    older_than: timedelta | None = None
    idle: timedelta | None = None
    anonymous: bool = False

    def covers(self, record: Record, now: datetime) -> bool:
        """Return whether the policy ends a session."""
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
    """Delete expired sessions and index entries without a session. Return their number.

    ``batch_size``: sessions in a batch. ``pause``: seconds between two batches. ``limit``: the
    maximum number. ``progress`` is called after each batch with the number so far. `session_ended`
    is sent for each session that the server has not deleted itself, if the signal has receivers.
    Raises ValueError if one of the numbers is out of range.
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

    Yield 1 for each session ended and 0 for each that was gone already, and 0 after each page.
    A session that a request uses at the same moment ends as well.
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
