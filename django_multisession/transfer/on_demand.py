"""Move a session from a previous engine into this one when a client offers its key.

A session is in two engines only while it is moved, and is moved at most once: whoever stores it in
this engine deletes it in the previous one. If the previous engine does not have it any longer, then
another request was faster and the session may have ended since, so the copy is deleted again. A
session that was ended before it was moved is not moved any more; see `tombstones`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from .. import conf
from ..core import keys
from ..core.record import Record
from ..session.policy import USER_FIELD
from ..session.previous_engines import PreviousEngines
from ..storage.base import Storage
from . import tombstones
from .base import Source
from .detection import configured

logger = logging.getLogger(__name__)

LEFTOVER = "Session %s may be left in %s: deleting it failed (%s)"
MAX_UNKNOWN = 10_000  # handles remembered in each process


class ConfiguredEngines(PreviousEngines):
    """The engines of MULTISESSION_MIGRATE_FROM, asked in this order."""

    def key_for(self, token: str) -> str | None:
        """Return a key for the session that a signed cookie holds.

        The same session always gets the same key. Visitors who are not logged in may have equal
        cookies and must not share a session, so each of them gets a new key.
        """
        for source in configured():
            if not source.removes and source.may_have(token):
                record = source.find(token)
                has_owner = record and (record.references or USER_FIELD in record.fields)
                return keys.derive_key(token) if has_owner else keys.new_key()
        return None

    def migrate(self, storage: Storage, handle: str, token: str) -> Record | None:
        """See PreviousEngines.migrate().

        At most one read for each engine, and none if the same process asked before in vain. A
        session that is moved takes six more round trips.
        """
        if is_unknown(handle):
            return None
        found = locate(token)
        if found:
            return import_session(storage, found[0], token, handle, found[1])
        record = storage.read(handle)  # another request may have moved it just now
        if record is None:
            remember_unknown(handle)
        return record

    async def amigrate(self, storage: Storage, handle: str, token: str) -> Record | None:
        """See migrate()."""
        if is_unknown(handle):
            return None
        found = await alocate(token)
        if found:
            return await aimport_session(storage, found[0], token, handle, found[1])
        record = await storage.aread(handle)
        if record is None:
            remember_unknown(handle)
        return record

    def note_ended(self, storage: Storage, handle: str) -> None:
        """See PreviousEngines.note_ended(). One round trip, or none without previous engines."""
        tombstones.add(storage, handle)

    async def anote_ended(self, storage: Storage, handle: str) -> None:
        """See note_ended()."""
        await tombstones.aadd(storage, handle)

    def delete(self, handle: str, token: str) -> None:
        """See PreviousEngines.delete(). One round trip for each engine that may have it."""
        for source in () if is_unknown(handle) else configured():
            if source.removes and source.may_have(token):
                source.remove(token)

    async def adelete(self, handle: str, token: str) -> None:
        """See delete()."""
        for source in () if is_unknown(handle) else configured():
            if source.removes and source.may_have(token):
                await source.aremove(token)


def locate(token: str) -> tuple[Source, Record] | None:
    """Return the previous engine that has the session, and its record."""
    for source in configured():
        if source.may_have(token) and (record := source.find(token)):
            return source, record
    return None


async def alocate(token: str) -> tuple[Source, Record] | None:
    """See locate()."""
    for source in configured():
        if source.may_have(token) and (record := await source.afind(token)):
            return source, record
    return None


def import_session(
    storage: Storage, source: Source, name: str, handle: str, record: Record
) -> Record | None:
    """Store the session in this engine and delete it in the previous one.

    Return the record as it is in this engine, or None if the session was ended before. If this
    engine has the session already, its record counts, and whoever stored it deletes the other one.
    Tombstones are read once more after the session was stored: whoever ends many sessions at once
    adds a tombstone first and then ends what is in this engine.
    """
    if not tombstones.exists(storage, source, handle, record):
        if not storage.insert(handle, record):
            return storage.read(handle)
        is_ended = tombstones.exists(storage, source, handle, record)
        if not is_ended and _leave(storage, source, name, handle, record):
            return record
        storage.delete(handle)
    delete_at_source(source, name, handle)
    return storage.read(handle)  # another request may have moved it


async def aimport_session(
    storage: Storage, source: Source, name: str, handle: str, record: Record
) -> Record | None:
    """See import_session()."""
    if not await tombstones.aexists(storage, source, handle, record):
        if not await storage.ainsert(handle, record):
            return await storage.aread(handle)
        is_ended = await tombstones.aexists(storage, source, handle, record)
        if not is_ended and await _aleave(storage, source, name, handle, record):
            return record
        await storage.adelete(handle)
    await adelete_at_source(source, name, handle)
    return await storage.aread(handle)


def delete_at_source(source: Source, name: str, handle: str) -> bool | None:
    """Delete the session in the previous engine.

    Return False if it was gone already, and None if deleting failed, which is logged.
    """
    try:
        return source.remove(name)
    except Exception as error:  # any client library's; its text may contain the key
        logger.warning(LEFTOVER, handle, source.engine, type(error).__name__)
        return None


async def adelete_at_source(source: Source, name: str, handle: str) -> bool | None:
    """See delete_at_source()."""
    try:
        return await source.aremove(name)
    except Exception as error:
        logger.warning(LEFTOVER, handle, source.engine, type(error).__name__)
        return None


def is_unknown(handle: str) -> bool:
    """Return whether no previous engine can have the session, as far as this process knows."""
    return not configured() or handle in _unknown_handles()


def remember_unknown(handle: str) -> None:
    """Remember that no engine has this session. Keys are random, so none ever will."""
    unknown = _unknown_handles()
    unknown[handle] = None
    if len(unknown) > MAX_UNKNOWN:
        unknown.popitem(last=False)


def _leave(storage: Storage, source: Source, name: str, handle: str, record: Record) -> bool:
    """Delete the session in the previous engine. Return False if somebody else moved it already."""
    removed = delete_at_source(source, name, handle) if source.removes else None
    if removed is None:
        return tombstones.claim(storage, handle, record)
    return removed


async def _aleave(storage: Storage, source: Source, name: str, handle: str, record: Record) -> bool:
    """See _leave()."""
    removed = await adelete_at_source(source, name, handle) if source.removes else None
    if removed is None:
        return await tombstones.aclaim(storage, handle, record)
    return removed


@conf.cached_setting
def _unknown_handles() -> OrderedDict[str, None]:
    """The handles that were looked for in vain, oldest first."""
    return OrderedDict()
