"""Sessions that come from another engine: moved here when their key is offered.

A session is never in two places for longer than a move takes, and comes once at most: whoever
stores it here deletes it there, and if that was done by somebody else, who may have ended it here
since, what was stored is taken back. What was ended here while it was still there does not come any
more: see `endings`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from .. import conf, keys
from ..record import Record
from ..storage.base import Storage
from . import configured, endings
from .base import Source

logger = logging.getLogger(__name__)

LEFTOVER = "Session %s may be left in %s: deleting it there failed (%s)"
STRANGERS = 10_000  # handles remembered, in each process


def key_of(offered: str) -> str | None:
    """The key of a session whose cookie is none, but holds the session itself.

    Of one and the same session it is always the same. But visitors who are not logged in may have
    equal cookies, and must not share a session: each gets a key of its own.
    """
    for source in configured():
        if not source.removes and source.knows(offered):
            record = source.find(offered)
            is_somebodys = record and (record.references or conf.USER_FIELD in record.fields)
            return keys.derived(offered) if is_somebodys else keys.new_key()
    return None


def fetch(storage: Storage, handle: str, offered: str) -> Record | None:
    """The session of this key, which is not here, from wherever it is. Now it is here.

    One read for each source at most, and none the next time if there is none; six more round
    trips for a session that comes. Raises what a source raises if its server is not to be had,
    and CannotMove.
    """
    if is_unknown(handle):
        return None
    found = seek(offered)
    if found:
        return admit(storage, found[0], offered, handle, found[1])
    record = storage.read(handle)  # another request may have moved it just now
    if record is None:
        note_unknown(handle)
    return record


async def afetch(storage: Storage, handle: str, offered: str) -> Record | None:
    """See fetch()."""
    if is_unknown(handle):
        return None
    found = await aseek(offered)
    if found:
        return await aadmit(storage, found[0], offered, handle, found[1])
    record = await storage.aread(handle)
    if record is None:
        note_unknown(handle)
    return record


def seek(offered: str) -> tuple[Source, Record] | None:
    """Where the session of this key is, and what it is."""
    for source in configured():
        if source.knows(offered) and (record := source.find(offered)):
            return source, record
    return None


async def aseek(offered: str) -> tuple[Source, Record] | None:
    """See seek()."""
    for source in configured():
        if source.knows(offered) and (record := await source.afind(offered)):
            return source, record
    return None


def admit(
    storage: Storage, source: Source, name: str, handle: str, record: Record
) -> Record | None:
    """Store it here, and delete it there. None: it was ended here before.

    If it is here already, it is what is here that counts, and whoever stored that deletes it there.
    Whether it was ended is asked again when it is here: who ends all that are like it, notes that
    first, and then ends what is here.
    """
    if not endings.was_ended(storage, source, handle, record):
        if not storage.insert(handle, record):
            return storage.read(handle)
        is_ended = endings.was_ended(storage, source, handle, record)
        if not is_ended and _leave(storage, source, name, handle, record):
            return record
        storage.delete(handle)
    drop(source, name, handle)
    return storage.read(handle)  # which another request may have brought


async def aadmit(
    storage: Storage, source: Source, name: str, handle: str, record: Record
) -> Record | None:
    """See admit()."""
    if not await endings.awas_ended(storage, source, handle, record):
        if not await storage.ainsert(handle, record):
            return await storage.aread(handle)
        is_ended = await endings.awas_ended(storage, source, handle, record)
        if not is_ended and await _aleave(storage, source, name, handle, record):
            return record
        await storage.adelete(handle)
    await adrop(source, name, handle)
    return await storage.aread(handle)


def drop(source: Source, name: str, handle: str) -> bool | None:
    """Delete it there. False: it was gone already. None: it may be there yet, which is logged."""
    try:
        return source.remove(name)
    except Exception as error:  # of whatever client library; its text may tell the key
        logger.warning(LEFTOVER, handle, source.engine, type(error).__name__)
        return None


async def adrop(source: Source, name: str, handle: str) -> bool | None:
    """See drop()."""
    try:
        return await source.aremove(name)
    except Exception as error:
        logger.warning(LEFTOVER, handle, source.engine, type(error).__name__)
        return None


def remove(handle: str, offered: str) -> None:
    """The session of this key, which is not here, is deleted wherever it is."""
    for source in () if is_unknown(handle) else configured():
        if source.removes and source.knows(offered):
            source.remove(offered)


async def aremove(handle: str, offered: str) -> None:
    """See remove()."""
    for source in () if is_unknown(handle) else configured():
        if source.removes and source.knows(offered):
            await source.aremove(offered)


def is_unknown(handle: str) -> bool:
    """Was it asked for before, and in vain? Or is there nobody to ask?"""
    return not configured() or handle in _strangers()


def note_unknown(handle: str) -> None:
    """A key is drawn at random: if there is no session of it now, there never will be."""
    strangers = _strangers()
    strangers[handle] = None
    if len(strangers) > STRANGERS:
        strangers.popitem(last=False)


def _leave(storage: Storage, source: Source, name: str, handle: str, record: Record) -> bool:
    """False: somebody else has moved it already."""
    removed = drop(source, name, handle) if source.removes else None
    if removed is None:
        return endings.take(storage, handle, record)
    return removed


async def _aleave(storage: Storage, source: Source, name: str, handle: str, record: Record) -> bool:
    """See _leave()."""
    removed = await adrop(source, name, handle) if source.removes else None
    if removed is None:
        return await endings.atake(storage, handle, record)
    return removed


@conf.kept
def _strangers() -> OrderedDict[str, None]:
    """The handles of unknown keys."""
    return OrderedDict()
