"""Tells whoever holds a WebSocket, in any process, that a session has ended: through the channel
layer of Django Channels. The other end: `channels`."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import async_to_sync
from django.db import connections, transaction

from .. import conf, signals
from ..session import SessionStore

EVERYBODY = "multisession"  # the group of all sockets
SEND_TIMEOUT = 2.0  # seconds
LATER = {"expired"}  # nothing to tell: who holds a socket knows when the session ends


def connect() -> None:
    """For projects that have a channel layer."""
    uid = "multisession_sockets"
    signals.session_ended.connect(session_ended, dispatch_uid=uid)
    signals.sessions_cleared.connect(sessions_cleared, dispatch_uid=uid)


def session_ended(sender: type[SessionStore], handle: str, reason: str, **facts: Any) -> None:
    if reason not in LATER:
        _tell(sender, group_of(handle))


def sessions_cleared(sender: type[SessionStore], **facts: Any) -> None:
    _tell(sender, EVERYBODY)


def group_of(handle: str) -> str:
    """The group of the sockets of a session."""
    return f"{EVERYBODY}.{handle}"


def _tell(sender: type[SessionStore], group: str) -> None:
    """Those who are told look for themselves: what a transaction of the database did, they see
    only once it is committed."""
    pending = _transactions() if sender.storage.thread_sensitive else []
    for alias in pending:
        transaction.on_commit(lambda: _send(group), using=alias, robust=True)
    if not pending:
        _send(group)


def _transactions() -> list[str]:
    """The databases that this thread has one with."""
    known = connections.all(initialized_only=True)
    return [connection.alias for connection in known if connection.in_atomic_block]


@async_to_sync
async def _send(group: str) -> None:
    """Whoever ended the session does not wait long for a server that hangs."""
    from channels.layers import channel_layers

    for alias in conf.channel_layers():
        message = {"type": "multisession.ended"}
        await asyncio.wait_for(channel_layers[alias].group_send(group, message), SEND_TIMEOUT)
