"""The references of stored sessions, updated after MULTISESSION_REFERENCES has changed."""

from __future__ import annotations

import logging

from .. import conf
from ..core import references
from ..core.fields import Fields
from ..core.record import Change, Record
from ..engine import store
from .pruning import Progress

logger = logging.getLogger(__name__)

ATTEMPTS = 10  # at most; a callable may return something else each time


def reindex(*, progress: Progress | None = None) -> int:
    """Update the references of every session to MULTISESSION_REFERENCES. Return how many changed.

    A pass goes over all sessions; requests that save a session meanwhile update it as well. A
    session that gets another key during a pass may be missed or be gone when it is read, so passes
    repeat until one changes nothing. References that cannot be computed are logged and left as
    they are. ``progress`` is called after each page with the number of sessions read in this pass.
    Three round trips for each session that changes, one for others, in each pass.
    """
    total = 0
    for _ in range(ATTEMPTS):
        changed, gone = _pass(progress)
        total += changed
        if not changed and not gone:
            break
    return total


def _pass(progress: Progress | None) -> tuple[int, int]:
    """Go over all sessions once. Return how many changed, and how many were gone when read."""
    changed = gone = seen = 0
    for entries in store().storage.pages():
        results = [reindex_one(handle) for handle, _ in entries]
        changed, gone = changed + results.count(True), gone + results.count(None)
        seen += len(entries)
        if progress is not None:
            progress(seen)
    return changed, gone


def reindex_one(handle: str) -> bool | None:
    """Update the references of one session. Return whether they changed, or None if it is gone.

    After a change the session is read again: a request may have saved other references meanwhile.
    """
    has_changed = False
    for _ in range(ATTEMPTS):
        record = store().storage.read(handle)
        if record is None:
            return None
        change = reference_change(handle, record)
        if change is None:
            break
        has_changed = store().storage.update(handle, change) or has_changed
    return has_changed


def reference_change(handle: str, record: Record) -> Change | None:
    """Return the change that makes the references match the fields.

    None if they match already, or if the session has expired.
    """
    if not record.is_live(store().storage.clock()):
        return None
    fields = Fields(store().policy().serializer, record.fields, handle)
    sources, changed = conf.references(), dict[str, str | None]()
    for name in {**sources, **record.references}:
        stored = {name: record.references[name]} if name in record.references else {}
        source = {name: sources[name]} if name in sources else {}
        try:
            changed |= references.changed_references(stored, fields, source)
        except Exception as error:  # a project's callable raises what it likes
            logger.warning(
                "The reference %r of session %s cannot be computed and stays as it is: %s",
                *(name, handle, error),
            )
    return Change(references=changed) if changed else None
