"""Tombstones: notes that keep an ended session from being moved out of a previous engine.

A tombstone is a lease in this engine's storage. It is added before anything is deleted in this
engine, and whoever moves a session looks for tombstones after having stored it. So one of the two
notices the other, whichever is first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from secrets import token_hex

from .. import conf
from ..core import keys
from ..core.record import Record
from ..storage.base import Storage
from .base import Source
from .detection import configured

LONGEST = timedelta(days=400)  # no browser keeps a cookie longer (RFC 6265bis)
OVERLAP = timedelta(hours=1)  # in which a new version of a project takes over from the old one
ENDED = "ended"  # the owner of a tombstone


def add(storage: Storage, handle: str) -> None:
    """Add a tombstone for one session that has ended or is about to end.

    One round trip, or none without previous engines.
    """
    if configured():
        storage.acquire_lease(_of_session(handle), ENDED, storage.clock() + _lifetime())


async def aadd(storage: Storage, handle: str) -> None:
    """See add()."""
    if configured():
        await storage.aacquire_lease(_of_session(handle), ENDED, storage.clock() + _lifetime())


def add_all(storage: Storage, reference: tuple[str, str] | None = None) -> None:
    """Add a tombstone for every session with this reference; without one, for every session.

    Call it before ending the sessions of this engine, so that none slips through in between. One
    round trip for each previous engine.
    """
    for source in configured():
        storage.acquire_lease(_of_many(source, reference), ENDED, storage.clock() + LONGEST)


async def aadd_all(storage: Storage, reference: tuple[str, str] | None = None) -> None:
    """See add_all()."""
    for source in configured():
        await storage.aacquire_lease(_of_many(source, reference), ENDED, storage.clock() + LONGEST)


def exists(storage: Storage, source: Source, handle: str, record: Record) -> bool:
    """Return whether the session, or all sessions like it, ended before it was moved.

    One round trip.
    """
    names = _names(source, handle, record)
    return _applies(record, handle, storage.active_leases(names))


async def aexists(storage: Storage, source: Source, handle: str, record: Record) -> bool:
    """See exists()."""
    names = _names(source, handle, record)
    return _applies(record, handle, await storage.aactive_leases(names))


def claim(storage: Storage, handle: str, record: Record) -> bool:
    """Note that a session was moved which cannot be deleted in the previous engine.

    Return False if somebody else has noted it before. One round trip.
    """
    return storage.acquire_lease(_of_session(handle), token_hex(8), record.expires_at)


async def aclaim(storage: Storage, handle: str, record: Record) -> bool:
    """See claim()."""
    return await storage.aacquire_lease(_of_session(handle), token_hex(8), record.expires_at)


def _names(source: Source, handle: str, record: Record) -> list[str]:
    """Return the names of all tombstones that may apply to the session."""
    references: Iterable[tuple[str, str] | None] = (*record.references.items(), None)
    return [_of_session(handle), *(_of_many(source, each) for each in references)]


def _applies(record: Record, handle: str, tombstones: Mapping[str, datetime]) -> bool:
    """Return whether one of these tombstones applies to the session.

    A session that was used in the previous engine long after all like it were ended must have begun
    in between: the site was switched back. For a while, however, processes on both engines may be
    at work.
    """
    own = _of_session(handle)
    ended_at = [end - LONGEST for name, end in tombstones.items() if name != own]
    return own in tombstones or any(record.last_seen_at <= at + OVERLAP for at in ended_at)


def _of_session(handle: str) -> str:
    return keys.hash_key(f"moved {handle}")


def _of_many(source: Source, reference: tuple[str, str] | None) -> str:
    return keys.hash_key(f"ended {source.engine} {reference and '='.join(reference)}")


def _lifetime() -> timedelta:
    """Return how long a session in a previous engine may outlive its end in this one."""
    return timedelta(seconds=conf.django_setting("SESSION_COOKIE_AGE"))
