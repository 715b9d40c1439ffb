"""Whose sessions there are, and ending them: on every engine, blocking and awaited.

Users are given as objects or as primary keys; nobody (anonymous, not saved) is a ValueError, and
never everybody. What it costs are the storage's verbs; no fields travel.
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

Keep = SessionStore | str | None  # a session that stays, by itself or by its handle


# Looking


def for_user(user: Any) -> list[SessionInfo]:
    """The user's sessions, the most recently active first."""
    return _latest_first(find("user", owners.user_pk(user)))


async def afor_user(user: Any) -> list[SessionInfo]:
    """See for_user()."""
    return _latest_first([info async for info in afind("user", owners.user_pk(user))])


def find(name: str, value: Any) -> Iterator[SessionInfo]:
    """The sessions that have a reference, in no order: ``find("org", 7)``."""
    found = store().storage.find(*owners.to_reference(name, value))
    return map(_info, found)


def afind(name: str, value: Any) -> AsyncIterator[SessionInfo]:
    """See find()."""
    found = store().storage.afind(*owners.to_reference(name, value))
    return (_info(each) async for each in found)


def get(handle: str) -> SessionInfo | None:
    """The live session of this handle. What is no handle reaches no server."""
    if not keys.is_handle(handle):
        return None
    return _live(handle, store().storage.read(handle, ()))


async def aget(handle: str) -> SessionInfo | None:
    """See get()."""
    if not keys.is_handle(handle):
        return None
    return _live(handle, await store().storage.aread(handle, ()))


def page(after: str | None = None, limit: int = 100) -> tuple[list[SessionInfo], str | None]:
    """Some of all sessions, and where the next page begins, or None. Raises ValueError for a
    cursor that is none, or a limit below 1."""
    _check_limit(limit)
    found, cursor = store().storage.page(after, limit)
    return [*map(_info, found)], cursor


async def apage(after: str | None = None, limit: int = 100) -> tuple[list[SessionInfo], str | None]:
    """See page()."""
    _check_limit(limit)
    found, cursor = await store().storage.apage(after, limit)
    return [*map(_info, found)], cursor


def all() -> Iterator[SessionInfo]:
    """Every session, page by page. One that is used meanwhile may be missed."""
    for entries in store().storage.pages():
        for entry in entries:
            yield _info(entry)


async def aall() -> AsyncIterator[SessionInfo]:
    """See all()."""
    async for entries in store().storage.apages():
        for entry in entries:
            yield _info(entry)


def sample(limit: int = 1000) -> tuple[list[SessionInfo], int]:
    """Some sessions, whatever their age and activity, and about how many there are; if that is as
    many, these are all. However many there are, it takes as long. Raises ValueError for a limit
    below 1."""
    _check_limit(limit)
    found, about = store().storage.sample(limit)
    return [*map(_info, found)], about


async def asample(limit: int = 1000) -> tuple[list[SessionInfo], int]:
    """See sample()."""
    _check_limit(limit)
    found, about = await store().storage.asample(limit)
    return [*map(_info, found)], about


def count() -> int:
    """Live sessions."""
    return store().storage.count()


async def acount() -> int:
    """See count()."""
    return await store().storage.acount()


def relabel(handle: str, label: str) -> bool:
    """What to call a session in lists: 100 characters at most, or "". False: there is none of this
    handle. It is no use of the session, so it moves neither its end nor when it was last seen.
    Raises ValueError. One round trip."""
    change = Change(label=checked_label(label))
    return keys.is_handle(handle) and store().storage.update(handle, change)


async def arelabel(handle: str, label: str) -> bool:
    """See relabel()."""
    change = Change(label=checked_label(label))
    return keys.is_handle(handle) and await store().storage.aupdate(handle, change)


# Ending


def end(handle: str, *, reason: str = "ended") -> bool:
    """End one session. False: there is none of this handle. ``reason`` is told by the signal."""
    return keys.is_handle(handle) and store().end(handle, reason)


async def aend(handle: str, *, reason: str = "ended") -> bool:
    """See end()."""
    return keys.is_handle(handle) and await store().aend(handle, reason)


def log_out_everywhere(
    user: Any, *, keep: Keep = None, reason: str = "logged_out_everywhere"
) -> int:
    """End the sessions of a user, except one that is kept; how many there were.

    Whatever is under way at that moment: a request of an ended session fails to save, and none
    that was there when this was called is missed.
    """
    return end_matching("user", owners.user_pk(user), keep=keep, reason=reason)


async def alog_out_everywhere(
    user: Any, *, keep: Keep = None, reason: str = "logged_out_everywhere"
) -> int:
    """See log_out_everywhere()."""
    return await aend_matching("user", owners.user_pk(user), keep=keep, reason=reason)


def end_matching(name: str, value: Any, *, keep: Keep = None, reason: str = "ended") -> int:
    """End the sessions that `find` would give, except one that is kept; how many there were."""
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
    """End all sessions there are, of everybody; how many there were. `sessions_cleared` tells of
    it, once, and no signal of each."""
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
        raise ValueError(f"There is a limit of 1 session or more, not {limit}.")


def _info(found: Entry) -> SessionInfo:
    return SessionInfo.of(store(), *found)


def _live(handle: str, record: Record | None) -> SessionInfo | None:
    record = live(record, store().storage.clock())
    return _info((handle, record)) if record else None


def _latest_first(infos: Iterable[SessionInfo]) -> list[SessionInfo]:
    return sorted(infos, key=lambda info: (info.last_seen_at, info.handle), reverse=True)
