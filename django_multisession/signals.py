"""What happened to a session. Sent after the fact, with the handle and never the key.

The sender is the ``SessionStore`` class. Every signal but the last one carries ``handle`` (text)
and ``references`` (reference name to value, as stored). A receiver that fails is logged by Django
(``django.dispatch``) and breaks nothing: what it is told of is stored already.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.dispatch import Signal

from .core.client import NOBODY, Client
from .core.record import NOTHING, Change, Record

logger = logging.getLogger("django.dispatch")

# A session was stored for the first time.
session_created = Signal()

# Fields of a session were stored. ``changed``: their names. ``moved``: the references that changed,
# name to new value, or to None. A touch is not announced.
session_saved = Signal()

# A handle is dead. ``reason``: "logged_out" (flush, hence Django's logout), "rotated" (the session
# lives on under another key; ``successor`` is its handle), "expired" (it was over when next asked
# for; told once), "ended" (deleted by code), "logged_out_everywhere", "password_changed",
# "deactivated" or "deleted" (the user was), "too_many" (beyond MULTISESSION_SESSIONS_PER_USER),
# "ended_by_user" (on the page of one's devices), "ended_by_admin" (in the session browser),
# "ended_by_command" (endsessions), "pruned" (by a policy of clearsessions_multi), or whatever code
# that ended it gave for a reason.
session_ended = Signal()

# A session was used from another network, or another device, than before. Not of every new
# address: telephones change theirs by the minute. ``before``, ``after``: client.Client.
client_changed = Signal()

# All sessions of everybody were ended at once. ``number``: how many there were.
sessions_cleared = Signal()

Event = tuple[Signal, dict[str, Any]]


def created(handle: str, record: Record) -> Event:
    return session_created, _facts(handle, record)


def ended(handle: str, record: Record | None, reason: str, successor: str | None = None) -> Event:
    """``record``: as it was stored; None where a key was rotated that was never read."""
    return session_ended, {**_facts(handle, record), "reason": reason, "successor": successor}


def changed(handle: str, before: Record, change: Change, after: Record) -> list[Event]:
    """What there is to tell of a change that was stored."""
    events: list[Event] = []
    if not change.touches_only:
        names = {*change.set, *change.unset}
        news = {"changed": names, "moved": dict(change.references)}
        events.append((session_saved, {**_facts(handle, after), **news}))
    if change.ip or change.user_agent:
        old, new = (Client(record.ip, record.user_agent) for record in (before, after))
        if old != NOBODY and not old.resembles(new):
            known = {"before": old, "after": new}
            events.append((client_changed, {**_facts(handle, after), **known}))
    return events


def cleared(number: int) -> Event:
    return sessions_cleared, {"number": number}


def send(sender: type, events: Iterable[Event]) -> None:
    for signal, facts in events:
        try:
            signal.send_robust(sender=sender, **facts)
        except Exception:  # Django cannot log a failure of a receiver without a name
            logger.exception("A receiver failed")


async def asend(sender: type, events: Iterable[Event]) -> None:
    """See send()."""
    for signal, facts in events:
        try:
            await signal.asend_robust(sender=sender, **facts)
        except Exception:
            logger.exception("A receiver failed")


def _facts(handle: str, record: Record | None) -> dict[str, Any]:
    return {"handle": handle, "references": dict(record.references if record else NOTHING)}
