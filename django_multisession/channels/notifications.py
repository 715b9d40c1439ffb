"""Notifications through channel layers that a session has ended, for sockets in all processes.

`channels.GroupListener` receives them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connections, transaction

from .. import conf, signals
from ..session import SessionStore

EVERYBODY = "multisession"  # the group of all sockets
SEND_TIMEOUT = 2.0  # seconds
NOT_SENT = {"expired"}  # reasons: a socket knows when its session expires


def connect() -> None:
    """Connect the receivers. For projects that have a channel layer."""
    uid = "multisession_sockets"
    signals.session_ended.connect(session_ended, dispatch_uid=uid)
    signals.sessions_cleared.connect(sessions_cleared, dispatch_uid=uid)


def session_ended(sender: type[SessionStore], handle: str, reason: str, **kwargs: Any) -> None:
    """Notify the sockets of this session."""
    if reason not in NOT_SENT:
        _notify(sender, group_of(handle))


def sessions_cleared(sender: type[SessionStore], **kwargs: Any) -> None:
    """Notify all sockets."""
    _notify(sender, EVERYBODY)


def group_of(handle: str) -> str:
    """Return the name of the group of this session's sockets."""
    return f"{EVERYBODY}.{handle}"


def _notify(sender: type[SessionStore], group: str) -> None:
    """Send to the group, after a transaction of the database is committed.

    The receivers read the session, and see what a transaction did only after its commit.
    """
    pending = _transactions() if sender.storage.thread_sensitive else []
    for alias in pending:
        transaction.on_commit(lambda: _send(group), using=alias, robust=True)
    if not pending:
        _send(group)


def _transactions() -> list[str]:
    """Return the aliases of the databases in which this thread has an open transaction."""
    opened = connections.all(initialized_only=True)
    return [connection.alias for connection in opened if connection.in_atomic_block]


@async_to_sync
async def _send(group: str) -> None:
    """Send to the group in every layer; wait for each at most SEND_TIMEOUT."""
    from channels.layers import channel_layers

    for alias in conf.channel_layers():
        message = {"type": "multisession.ended"}
        await asyncio.wait_for(channel_layers[alias].group_send(group, message), SEND_TIMEOUT)
