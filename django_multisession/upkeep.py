"""What is done to all sessions from time to time, in batches and while the site runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from . import conf, references
from .engine import store
from .fields import Fields
from .record import Change, Record

logger = logging.getLogger(__name__)

ATTEMPTS = 10  # where a callable says something else each time
Progress = Callable[[int], object]  # told how many so far


def prune(
    *,
    batch_size: int = 1000,
    pause: float = 0.0,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Delete sessions that are over, and what the index still holds of them; how many there were.

    ``pause``: seconds between two batches. ``limit``: stop after so many. ``progress`` is told
    after each batch how many there were so far. Raises ValueError for numbers that make no sense.
    """
    pruned, wanted = 0, _next(batch_size, limit, 0)
    while wanted:
        got = store().storage.purge(wanted)
        pruned += got
        if progress is not None:
            progress(pruned)
        wanted = _next(batch_size, limit, pruned) if got == wanted else 0
        if wanted:
            time.sleep(pause)
    return pruned


async def aprune(
    *,
    batch_size: int = 1000,
    pause: float = 0.0,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """See prune()."""
    pruned, wanted = 0, _next(batch_size, limit, 0)
    while wanted:
        got = await store().storage.apurge(wanted)
        pruned += got
        if progress is not None:
            progress(pruned)
        wanted = _next(batch_size, limit, pruned) if got == wanted else 0
        if wanted:
            await asyncio.sleep(pause)
    return pruned


def reindex(*, progress: Progress | None = None) -> int:
    """Have every session belong to whom MULTISESSION_REFERENCES says now; how many did not.

    A pass goes over all sessions. Whoever reads and writes one meanwhile does the same for it. One
    that gets another key meanwhile may slip past, or be gone when it is looked at, so there are
    passes until one has nothing to do. What cannot be indexed is logged and left as it is. Three
    round trips for each session that changes, one for others, in each pass.
    """
    changed = 0
    for _ in range(ATTEMPTS):
        moved, gone = _pass(progress)
        changed += moved
        if not moved and not gone:
            break
    return changed


def _pass(progress: Progress | None) -> tuple[int, int]:
    moved = gone = seen = 0
    cursor, is_over = None, False
    while not is_over:
        found, cursor = store().storage.page(cursor)
        answers = [_reindex(handle) for handle, _ in found]
        moved, gone = moved + answers.count(True), gone + answers.count(None)
        seen, is_over = seen + len(found), cursor is None
        if progress is not None:
            progress(seen)
    return moved, gone


def _reindex(handle: str) -> bool | None:
    """Looked at again after a change: a request may have moved its references at the same time.
    None: it is gone."""
    moved = False
    for _ in range(ATTEMPTS):
        record = store().storage.read(handle)
        if record is None:
            return None
        change = _change(handle, record)
        if change is None:
            break
        moved = store().storage.update(handle, change) or moved
    return moved


def _change(handle: str, record: Record) -> Change | None:
    if not record.is_live(store().storage.clock()):
        return None
    fields = Fields(store()().serializer, record.fields, handle)
    sources, moved = conf.references(), dict[str, str | None]()
    for name in {**sources, **record.references}:
        stored = {name: record.references[name]} if name in record.references else {}
        source = {name: sources[name]} if name in sources else {}
        try:
            moved |= references.moved(stored, fields, source)
        except Exception as error:  # a project's callable raises what it likes
            logger.warning("%r of session %s is left as it is: %s", name, handle, error)
    return Change(references=moved) if moved else None


def _next(batch_size: int, limit: int | None, pruned: int) -> int:
    if batch_size < 1 or (limit is not None and limit < 0):
        raise ValueError("batch_size must be 1 or more, and limit 0 or more.")
    return batch_size if limit is None else min(batch_size, limit - pruned)
