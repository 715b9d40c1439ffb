"""WebSockets that close when their session ends, for Django Channels.

Needs the extra "channels".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asgiref.sync import sync_to_async
from channels.exceptions import InvalidChannelLayerError
from channels.layers import get_channel_layer
from django.db import close_old_connections

from .. import sessions
from ..engine import store
from .notifications import EVERYBODY, group_of

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

RETRY = 5.0  # seconds until a failed step is tried again


class ClosesWithSession:
    """A mixin that closes a consumer's socket with the code 4401 when its session has ended.

    ``class Chat(ClosesWithSession, AsyncWebsocketConsumer)``; any other consumer works, too. It
    must be inside Channels' ``AuthMiddlewareStack``.

    - The session may have been ended in any process: by its owner or an administrator, with all
      sessions of the user, by a logout or by a new password. A login, which gives the session a new
      key, closes the socket as well; the client with the new cookie may connect again.
    - The default channel layer of CHANNEL_LAYERS reports the end within milliseconds.
    - The session is also read every ``session_check_interval`` seconds and when it expires, one
      round trip each, in case a message was lost.
    - An outage closes no socket.
    """

    session_ended_code = 4401
    session_check_interval = 60.0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        session = scope["session"]
        watcher = SessionWatcher(session, receive, send, self.session_check_interval)
        await session.acreated_at()  # reads the session, which drops an unknown key
        task = asyncio.create_task(watcher.run(self.session_ended_code))
        try:
            await super().__call__(scope, watcher.receive, watcher.send)  # type: ignore[misc]
        finally:
            task.cancel()
            await asyncio.wait([task])


class SessionWatcher:
    """Watches the session of one socket, between its consumer and the server."""

    def __init__(self, session: Any, receive: Receive, send: Send, interval: float) -> None:
        self._session, self._receive, self._send = session, receive, send
        self._interval = interval
        self._handle: str | None = None  # of the watched session; None: nothing stored yet
        self._wake = asyncio.Event()
        self._listener = GroupListener(self._wake)
        self._is_closed = False

    async def receive(self) -> Any:
        """Return the next message for the consumer.

        Once the socket is closed, messages from the client are dropped.
        """
        while True:
            message = await self._receive()
            if not (self._is_closed and message["type"] == "websocket.receive"):
                self._wake_if_key_changed()
                return message

    async def send(self, message: dict[str, Any]) -> None:
        """Send a message of the consumer, unless the socket is closed."""
        self._wake_if_key_changed()
        if not self._is_closed:
            self._is_closed = message["type"] == "websocket.close"
            await self._send(message)

    async def run(self, code: int) -> None:
        """Close the socket with this code when the session has ended. Runs until then."""
        try:
            while (remaining := await self._time_left()) > 0:
                await self._wait(min(remaining, self._interval))
            with _logged("A socket cannot be closed"):
                await self.send({"type": "websocket.close", "code": code})
        finally:
            await self._listener.close()

    def _stored_handle(self) -> str | None:
        """Return the session's handle, or None if the session is not stored yet."""
        session = self._session
        return None if session.is_unsaved else session.handle

    def _wake_if_key_changed(self) -> None:
        """Wake run() if the consumer logged somebody in, which gives the session a new key."""
        if self._stored_handle() not in (self._handle, None):
            self._wake.set()

    async def _time_left(self) -> float:
        """Return the seconds until the stored session expires; 0 if it has ended.

        Listen before reading the session, so that an end in between is reported.
        """
        handle = self._handle = self._stored_handle() or self._handle
        await self._listener.listen(handle)
        if handle is None:
            return self._interval  # a visitor without a stored session
        with _logged("The session of a socket cannot be read"):
            info = await sessions.aget(handle)
            if info is not None:
                return (info.expires_at - store().storage.clock()).total_seconds()
            has_new_key = self._stored_handle() not in (handle, None)  # by a login meanwhile
            return self._interval if has_new_key else 0
        return RETRY

    async def _wait(self, seconds: float) -> None:
        """Wait until something wakes this watcher, or for so many seconds."""
        with _logged("Database connections cannot be closed"):
            await sync_to_async(close_old_connections)()
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
            self._wake.clear()
        finally:
            timer.cancel()


class GroupListener:
    """Listens to the channel layer, and sets an event when a session may have ended."""

    def __init__(self, wake: asyncio.Event) -> None:
        self._layer: Any = get_channel_layer()
        if self._layer is None:
            raise InvalidChannelLayerError(
                "ClosesWithSession needs a channel layer: set CHANNEL_LAYERS."
            )
        self._wake = wake
        self._channel = ""
        self._groups: set[str] = set()
        # Waits for one message. Cancelled only in close(): layers would lose messages otherwise.
        self._receiving: asyncio.Task[Any] | None = None

    async def listen(self, handle: str | None) -> None:
        """Join the groups of this session and of all sessions.

        Repeated on every call, because a layer forgets a membership after a day.
        """
        self._groups |= {EVERYBODY, *([group_of(handle)] if handle else [])}
        with _logged("The channel layer cannot be reached", self._try_again):
            self._channel = self._channel or await self._layer.new_channel()
            for group in self._groups:
                await self._layer.group_add(group, self._channel)
            if self._receiving is None:
                self._receiving = asyncio.create_task(self._layer.receive(self._channel))
                self._receiving.add_done_callback(self._received)

    async def close(self) -> None:
        """Stop listening and leave the groups."""
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.wait([self._receiving])
        for group in self._groups if self._channel else ():
            with _logged("The channel layer cannot be reached"):
                await self._layer.group_discard(group, self._channel)

    def _received(self, task: asyncio.Task[Any]) -> None:
        """Wake the watcher after a message; after an error, wake it in RETRY seconds."""
        self._receiving = None
        if not task.cancelled():
            with _logged("The channel layer cannot be reached", self._try_again):
                task.result()
                self._wake.set()

    def _try_again(self) -> None:
        """Wake the watcher in RETRY seconds, so that it calls listen() again."""
        asyncio.get_running_loop().call_later(RETRY, self._wake.set)


@contextmanager
def _logged(problem: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Log any exception and call ``then``: an unwatched socket would outlive its session."""
    try:
        yield
    except Exception as error:
        logger.warning("%s: %s: %s", problem, type(error).__name__, error)
        then()
