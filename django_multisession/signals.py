"""What happened to a session. Sent after the fact, with the handle and never the key.

The sender is the ``SessionStore`` class. Every signal carries ``handle`` (text) and
``references`` (reference name to value, as stored). A receiver that fails is logged by Django
(``django.dispatch``) and breaks nothing: what it is told of is stored already.
"""

from __future__ import annotations

from typing import Any

from django.dispatch import Signal

from .client import NOBODY, Client
from .record import NOTHING, Change, Record

# A session was stored for the first time.
session_created = Signal()

# Fields of a session were stored. ``changed``: their names. A touch is not announced.
session_saved = Signal()

# A handle is dead. ``reason``: "logged_out" (flush, hence Django's logout), "rotated" (the session
# lives on under another key; ``successor`` is its handle), "expired" (it was over when next asked
# for; told once) or "ended" (deleted by code).
session_ended = Signal()

# A session was used from another address or user agent. ``before``, ``after``: client.Client.
client_changed = Signal()

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
        events.append((session_saved, {**_facts(handle, after), "changed": names}))
    if change.ip or change.user_agent:
        old, new = (Client(record.ip, record.user_agent) for record in (before, after))
        if old != NOBODY:
            known = {"before": old, "after": new}
            events.append((client_changed, {**_facts(handle, after), **known}))
    return events


def _facts(handle: str, record: Record | None) -> dict[str, Any]:
    return {"handle": handle, "references": dict(record.references if record else NOTHING)}
