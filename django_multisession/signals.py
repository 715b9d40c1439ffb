"""The signals of sessions.

All are sent after the storage has confirmed the write. The sender is the ``SessionStore`` class of
the engine. A receiver may be a function or a coroutine function.

An exception in a receiver is logged to ``django.dispatch`` and goes no further: the other receivers
are called, and the request continues, because the write has already happened.

Every signal but `sessions_cleared` has these arguments, and never the session's key:

- ``handle`` (str): the session's public name, 43 characters;
- ``references`` (dict of str to str): the references of the stored record, for example
  ``{"user": "42"}``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.dispatch import Signal

from .core.client import NOBODY, Client
from .core.record import NOTHING, Change, Record

logger = logging.getLogger("django.dispatch")

# Sent when a session is stored for the first time. No further arguments.
session_created = Signal()

# Sent when fields of a stored session have been saved; not for a touch, which saves no fields.
#
# changed (set of str): the names of the fields that were set or removed.
# changed_references (dict of str to str or None): the references that changed, each with its new
# value, or None if it was removed.
session_saved = Signal()

# Sent when a handle is no longer valid.
#
# reason (str), one of these or the reason that the calling code has given:
#   "logged_out"             flush(), which Django's logout() calls
#   "rotated"                the session has a new key and lives on under `successor`
#   "expired"                the session was found expired when it was next used; sent once
#   "ended"                  code deleted the session
#   "logged_out_everywhere"  the user, or other code, ended all sessions of the user
#   "password_changed"       the user's password was changed
#   "deactivated"            the user was deactivated
#   "deleted"                the user was deleted
#   "too_many"               the user had more than MULTISESSION_SESSIONS_PER_USER sessions
#   "ended_by_user"          the user signed out a device on the page of their devices
#   "ended_by_admin"         an administrator ended it in the session admin
#   "ended_by_command"       manage.py endsessions
#   "pruned"                 a retention policy of manage.py clearsessions_multi
# successor (str or None): the handle of the new key if the reason is "rotated", otherwise None.
session_ended = Signal()

# Sent when a session is used from another network or another device than before. Not for every
# other IP address: mobile phones change theirs by the minute. See `Client.resembles`.
#
# before, after (`core.client.Client`): the client as it was stored, and the client of this request.
client_changed = Signal()

# Sent when all sessions of all users have been ended at once, instead of one signal for each.
#
# number (int): how many sessions there were.
sessions_cleared = Signal()

Event = tuple[Signal, dict[str, Any]]  # a signal and its arguments


def created(handle: str, record: Record) -> Event:
    """Return the event of a session that was stored for the first time."""
    return session_created, _arguments(handle, record)


def ended(handle: str, record: Record | None, reason: str, successor: str | None = None) -> Event:
    """Return the event of a handle that is no longer valid.

    ``record`` is the stored record; None if the key of a session was rotated that was never read.
    """
    return session_ended, {**_arguments(handle, record), "reason": reason, "successor": successor}


def changed(handle: str, before: Record, change: Change, after: Record) -> list[Event]:
    """Return the events of a change that was stored."""
    events: list[Event] = []
    if not change.touches_only:
        changes = {
            "changed": {*change.set, *change.unset},
            "changed_references": dict(change.references),
        }
        events.append((session_saved, {**_arguments(handle, after), **changes}))
    if change.ip or change.user_agent:
        old, new = (Client(record.ip, record.user_agent) for record in (before, after))
        if old != NOBODY and not old.resembles(new):
            clients = {"before": old, "after": new}
            events.append((client_changed, {**_arguments(handle, after), **clients}))
    return events


def cleared(number: int) -> Event:
    """Return the event of the end of all sessions."""
    return sessions_cleared, {"number": number}


def send(sender: type, events: Iterable[Event]) -> None:
    """Send the events. An exception in a receiver is logged and not raised."""
    for signal, arguments in events:
        try:
            signal.send_robust(sender=sender, **arguments)
        except Exception:  # Django fails to log an exception of a receiver that has no __qualname__
            logger.exception("A receiver failed")


async def asend(sender: type, events: Iterable[Event]) -> None:
    """See send()."""
    for signal, arguments in events:
        try:
            await signal.asend_robust(sender=sender, **arguments)
        except Exception:
            logger.exception("A receiver failed")


def _arguments(handle: str, record: Record | None) -> dict[str, Any]:
    return {"handle": handle, "references": dict(record.references if record else NOTHING)}
