"""Having sessions belong to whom MULTISESSION_REFERENCES says now."""

from __future__ import annotations

import logging

from .. import conf
from ..core import references
from ..core.fields import Fields
from ..core.record import Change, Record
from ..engine import store
from .pruning import Progress

logger = logging.getLogger(__name__)

ATTEMPTS = 10  # where a callable says something else each time


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
    for found in store().storage.pages():
        answers = [reindex_one(handle) for handle, _ in found]
        moved, gone = moved + answers.count(True), gone + answers.count(None)
        seen += len(found)
        if progress is not None:
            progress(seen)
    return moved, gone


def reindex_one(handle: str) -> bool | None:
    """Did it belong to somebody else? None: it is gone. Looked at again after a change: a request
    may have moved its references at the same time."""
    moved = False
    for _ in range(ATTEMPTS):
        record = store().storage.read(handle)
        if record is None:
            return None
        change = repaired(handle, record)
        if change is None:
            break
        moved = store().storage.update(handle, change) or moved
    return moved


def repaired(handle: str, record: Record) -> Change | None:
    """What has a session belong to whom its fields say. None: it does, or it is over."""
    if not record.is_live(store().storage.clock()):
        return None
    fields = Fields(store().policy().serializer, record.fields, handle)
    sources, moved = conf.references(), dict[str, str | None]()
    for name in {**sources, **record.references}:
        stored = {name: record.references[name]} if name in record.references else {}
        source = {name: sources[name]} if name in sources else {}
        try:
            moved |= references.changed_references(stored, fields, source)
        except Exception as error:  # a project's callable raises what it likes
            logger.warning("%r of session %s is left as it is: %s", name, handle, error)
    return Change(references=moved) if moved else None
