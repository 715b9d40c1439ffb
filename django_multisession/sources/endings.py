"""What ends here while the same, or more of its kind, may be left where sessions come from.

Each is noted as a lease, before what is here is deleted; and whoever brings a session here looks
for such a note when it is here. So one of the two finds it, whoever is first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from secrets import token_hex

from .. import conf, keys
from ..record import Record
from ..storage.base import Storage
from . import configured
from .base import Source

LONGEST = timedelta(days=400)  # no browser keeps a cookie longer (RFC 6265bis)
OVERLAP = timedelta(hours=1)  # in which a new version of a project takes over from the old
ENDED = "ended"  # the owner of a note


def refuse(storage: Storage, handle: str) -> None:
    """A session is ended, or about to be: it does not come (again), whatever is left of it."""
    if configured():
        storage.hold(_moved(handle), ENDED, storage.clock() + _lifetime())


async def arefuse(storage: Storage, handle: str) -> None:
    """See refuse()."""
    if configured():
        await storage.ahold(_moved(handle), ENDED, storage.clock() + _lifetime())


def refuse_all(storage: Storage, reference: tuple[str, str] | None = None) -> None:
    """Whatever has this reference, or whatever there is, does not come any more. To be called
    before what is here is ended: so nothing slips through in between."""
    for source in configured():
        storage.hold(_ended(source, reference), ENDED, storage.clock() + LONGEST)


async def arefuse_all(storage: Storage, reference: tuple[str, str] | None = None) -> None:
    """See refuse_all()."""
    for source in configured():
        await storage.ahold(_ended(source, reference), ENDED, storage.clock() + LONGEST)


def was_ended(storage: Storage, source: Source, handle: str, record: Record) -> bool:
    """Was it ended here while it was still there? It, or all that it is one of."""
    marks = _marks(source, handle, record)
    return _is_meant(record, handle, storage.held(marks))


async def awas_ended(storage: Storage, source: Source, handle: str, record: Record) -> bool:
    """See was_ended()."""
    marks = _marks(source, handle, record)
    return _is_meant(record, handle, await storage.aheld(marks))


def take(storage: Storage, handle: str, record: Record) -> bool:
    """Note that it came, where it cannot be deleted. False: somebody else has noted that."""
    return storage.hold(_moved(handle), token_hex(8), record.expires_at)


async def atake(storage: Storage, handle: str, record: Record) -> bool:
    """See take()."""
    return await storage.ahold(_moved(handle), token_hex(8), record.expires_at)


def _marks(source: Source, handle: str, record: Record) -> list[str]:
    """The leases, each of which says that it must not come."""
    references: Iterable[tuple[str, str] | None] = (*record.references.items(), None)
    return [_moved(handle), *(_ended(source, each) for each in references)]


def _is_meant(record: Record, handle: str, held: Mapping[str, datetime]) -> bool:
    """Is one of these leases about this session? What was used there long after all like it were
    ended here, began in between: the site was there again. For a while processes of both engines
    may be at work, however."""
    ended_at = [end - LONGEST for name, end in held.items() if name != _moved(handle)]
    return _moved(handle) in held or any(record.last_seen_at <= at + OVERLAP for at in ended_at)


def _moved(handle: str) -> str:
    return keys.handle_of(f"moved {handle}")


def _ended(source: Source, reference: tuple[str, str] | None) -> str:
    return keys.handle_of(f"ended {source.engine} {reference and '='.join(reference)}")


def _lifetime() -> timedelta:
    """Of what is left elsewhere, at least."""
    return timedelta(seconds=conf.djangos("SESSION_COOKIE_AGE"))
