"""List and end sessions, whoever holds them: the public API, on every engine, in both dialects.

A user is given as an object or as a primary key; an anonymous or unsaved user is a ValueError and
never means everybody. Every function costs what its verb costs the storage (see the class of the
storage), and no session data is transferred. Errors of the server are the client library's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from .. import signals
from ..core import keys
from ..core.record import Change, Record, checked_label, live
from ..engine import store
from ..maintenance.pruning import aprune, prune
from ..session import SessionStore
from ..storage.base import Entry
from ..transfer import tombstones
from . import owners
from .creation import acreate, create
from .info import SessionInfo

__all__ = [
    "SessionInfo",
    "aall",
    "aclear",
    "acount",
    "acreate",
    "aend",
    "aend_matching",
    "afind",
    "afor_user",
    "aget",
    "all",
    "alog_out_everywhere",
    "apage",
    "aprune",
    "arelabel",
    "asample",
    "clear",
    "count",
    "create",
    "end",
    "end_matching",
    "find",
    "for_user",
    "get",
    "log_out_everywhere",
    "page",
    "prune",
    "relabel",
    "sample",
]

Keep = SessionStore | str | None  # a session to keep: itself, or its handle


# Listing


def for_user(user: Any) -> list[SessionInfo]:
    """Return the user's live sessions, the most recently active first. Raises ValueError."""
    return _latest_first(find("user", owners.user_pk(user)))


async def afor_user(user: Any) -> list[SessionInfo]:
    """See for_user()."""
    return _latest_first([info async for info in afind("user", owners.user_pk(user))])


def find(name: str, value: Any) -> Iterator[SessionInfo]:
    """Yield the live sessions that have a reference, in no particular order: ``find("org", 7)``.

    Raises ValueError for a name that MULTISESSION_REFERENCES does not have, and for an empty value.
    """
    found = store().storage.find(*owners.to_reference(name, value))
    return map(_info, found)


def afind(name: str, value: Any) -> AsyncIterator[SessionInfo]:
    """See find()."""
    found = store().storage.afind(*owners.to_reference(name, value))
    return (_info(each) async for each in found)


def get(handle: str) -> SessionInfo | None:
    """Return the live session of this handle, or None. One round trip.

    Text that cannot be a handle is never sent to the server.
    """
    if not keys.is_handle(handle):
        return None
    return _live_info(handle, store().storage.read(handle, ()))


async def aget(handle: str) -> SessionInfo | None:
    """See get()."""
    if not keys.is_handle(handle):
        return None
    return _live_info(handle, await store().storage.aread(handle, ()))


def page(after: str | None = None, limit: int = 100) -> tuple[list[SessionInfo], str | None]:
    """Return up to ``limit`` sessions, and the cursor of the next page or None.

    Raises ValueError for text that is not a cursor of this engine, and for a limit below 1.
    """
    _check_limit(limit)
    found, cursor = store().storage.page(after, limit)
    return [*map(_info, found)], cursor


async def apage(after: str | None = None, limit: int = 100) -> tuple[list[SessionInfo], str | None]:
    """See page()."""
    _check_limit(limit)
    found, cursor = await store().storage.apage(after, limit)
    return [*map(_info, found)], cursor


def all() -> Iterator[SessionInfo]:
    """Yield every live session, page by page. A session that is used meanwhile may be missed."""
    for entries in store().storage.pages():
        for entry in entries:
            yield _info(entry)


async def aall() -> AsyncIterator[SessionInfo]:
    """See all()."""
    async for entries in store().storage.apages():
        for entry in entries:
            yield _info(entry)


def sample(limit: int = 1000) -> tuple[list[SessionInfo], int]:
    """Return up to ``limit`` sessions of any age and activity, and about how many there are.

    If the number equals that of the returned sessions, they are all. The cost is bounded by
    ``limit``, however many sessions there are. Raises ValueError for a limit below 1.
    """
    _check_limit(limit)
    found, about = store().storage.sample(limit)
    return [*map(_info, found)], about


async def asample(limit: int = 1000) -> tuple[list[SessionInfo], int]:
    """See sample()."""
    _check_limit(limit)
    found, about = await store().storage.asample(limit)
    return [*map(_info, found)], about


def count() -> int:
    """Return the number of live sessions."""
    return store().storage.count()


async def acount() -> int:
    """See count()."""
    return await store().storage.acount()


def relabel(handle: str, label: str) -> bool:
    """Set the name that lists show for a session: up to 100 characters, or "" for none.

    Return False if the session does not exist. This does not count as a use of the session: its end
    and the time of its last use stay. Raises ValueError for a label that is too long or cannot be
    stored. One round trip.
    """
    change = Change(label=checked_label(label))
    return keys.is_handle(handle) and store().storage.update(handle, change)


async def arelabel(handle: str, label: str) -> bool:
    """See relabel()."""
    change = Change(label=checked_label(label))
    return keys.is_handle(handle) and await store().storage.aupdate(handle, change)


# Ending


def end(handle: str, *, reason: str = "ended") -> bool:
    """End one session. Return False if it does not exist.

    ``reason`` is an argument of the signal `session_ended`. Text that cannot be a handle is never
    sent to the server. One round trip, and one more if there are previous engines.
    """
    return keys.is_handle(handle) and store().end(handle, reason)


async def aend(handle: str, *, reason: str = "ended") -> bool:
    """See end()."""
    return keys.is_handle(handle) and await store().aend(handle, reason)


def log_out_everywhere(
    user: Any, *, keep: Keep = None, reason: str = "logged_out_everywhere"
) -> int:
    """End the sessions of a user, except one to ``keep``. Return how many ended.

    No session that existed when this was called is missed, and a request of an ended session that
    is under way fails to save.
    """
    return end_matching("user", owners.user_pk(user), keep=keep, reason=reason)


async def alog_out_everywhere(
    user: Any, *, keep: Keep = None, reason: str = "logged_out_everywhere"
) -> int:
    """See log_out_everywhere()."""
    return await aend_matching("user", owners.user_pk(user), keep=keep, reason=reason)


def end_matching(name: str, value: Any, *, keep: Keep = None, reason: str = "ended") -> int:
    """End the sessions that find() would give, except one to ``keep``. Return how many ended."""
    reference, kept, number = owners.to_reference(name, value), owners.to_handle(keep), 0
    tombstones.add_all(store().storage, reference)
    for handle, record in store().storage.delete_matching(*reference, kept):
        signals.send(store(), [signals.ended(handle, record, reason)])
        number += 1
    return number


async def aend_matching(name: str, value: Any, *, keep: Keep = None, reason: str = "ended") -> int:
    """See end_matching()."""
    reference, kept, number = owners.to_reference(name, value), owners.to_handle(keep), 0
    await tombstones.aadd_all(store().storage, reference)
    async for handle, record in store().storage.adelete_matching(*reference, kept):
        await signals.asend(store(), [signals.ended(handle, record, reason)])
        number += 1
    return number


def clear() -> int:
    """End all sessions of everybody. Return how many there were.

    The signal `sessions_cleared` is sent once, and `session_ended` for none of them.
    """
    tombstones.add_all(store().storage)
    number = store().storage.clear()
    signals.send(store(), [signals.cleared(number)])
    return number


async def aclear() -> int:
    """See clear()."""
    await tombstones.aadd_all(store().storage)
    number = await store().storage.aclear()
    await signals.asend(store(), [signals.cleared(number)])
    return number


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ValueError(f"The limit must be at least 1, not {limit}.")


def _info(entry: Entry) -> SessionInfo:
    return SessionInfo.of(store(), *entry)


def _live_info(handle: str, record: Record | None) -> SessionInfo | None:
    record = live(record, store().storage.clock())
    return _info((handle, record)) if record else None


def _latest_first(infos: Iterable[SessionInfo]) -> list[SessionInfo]:
    return sorted(infos, key=lambda info: (info.last_seen_at, info.handle), reverse=True)
