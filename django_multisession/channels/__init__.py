"""For Django Channels: WebSockets that close when their session ends. Needs the extra
"channels"."""

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

RETRY = 5.0  # seconds; then what failed is tried again


class ClosesWithSession:
    """A mixin: ``class Chat(ClosesWithSession, AsyncWebsocketConsumer)``, or any other consumer,
    inside of Channels' ``AuthMiddlewareStack``.

    Its socket closes with the code 4401 when its session has ended, in whatever process that
    happened: ended by its owner or an administrator, with the user's others, by a logout, a new
    password, or because a login gave the session another key, whose holder may connect anew. It
    takes milliseconds where it is told through the channel layer, which CHANNEL_LAYERS names. The
    session is looked for each ``session_check_interval`` seconds, too, and at its end: one round
    trip each, which also serves those that ended untold. An outage closes nothing.
    """

    session_ended_code = 4401
    session_check_interval = 60.0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        session = scope["session"]
        watch = SessionWatcher(session, receive, send, self.session_check_interval)
        await session.acreated_at()  # read it: an unknown key is none
        task = asyncio.create_task(watch.run(self.session_ended_code))
        try:
            await super().__call__(scope, watch.receive, watch.send)  # type: ignore[misc]
        finally:
            task.cancel()
            await asyncio.wait([task])


class SessionWatcher:
    """Looks after one socket, and stands between its consumer and the server."""

    def __init__(self, session: Any, receive: Receive, send: Send, interval: float) -> None:
        self._session, self._receive, self._send = session, receive, send
        self._interval = interval
        self._handle: str | None = None  # of the session that is looked for; None: of a visitor
        self._wake = asyncio.Event()
        self._ear = GroupListener(self._wake)
        self._is_closed = False

    async def receive(self) -> Any:
        """What the consumer hears: nothing from the client once the socket is closed."""
        while True:
            message = await self._receive()
            if not (self._is_closed and message["type"] == "websocket.receive"):
                self._notice()
                return message

    async def send(self, message: dict[str, Any]) -> None:
        """What the consumer says, unless the socket is closed."""
        self._notice()
        if not self._is_closed:
            self._is_closed = message["type"] == "websocket.close"
            await self._send(message)

    async def run(self, code: int) -> None:
        """Until the session has ended, or the consumer."""
        try:
            while (left := await self._time_left()) > 0:
                await self._wait(min(left, self._interval))
            with _logged("A socket cannot be closed"):
                await self.send({"type": "websocket.close", "code": code})
        finally:
            await self._ear.close()

    def _stored(self) -> str | None:
        """The handle, if anything may be stored under it."""
        session = self._session
        return None if session.is_unsaved else session.handle

    def _notice(self) -> None:
        """A consumer that logs somebody in gives the session a new key."""
        if self._stored() not in (self._handle, None):
            self._wake.set()

    async def _time_left(self) -> float:
        """Seconds until the session is over, as it is stored; 0: it is. Listens first, and looks
        then: what happens in between is told."""
        handle = self._handle = self._stored() or self._handle
        await self._ear.listen(handle)
        if handle is None:
            return self._interval  # nothing to lose
        with _logged("Whether a session has ended cannot be told"):
            info = await sessions.aget(handle)
            if info is not None:
                return (info.expires_at - store().storage.clock()).total_seconds()
            is_another = self._stored() not in (handle, None)  # of a login in the meantime
            return self._interval if is_another else 0
        return RETRY

    async def _wait(self, seconds: float) -> None:
        """To be told something, or for the time to pass."""
        with _logged("Connections cannot be given back"):
            await sync_to_async(close_old_connections)()
        timer = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
            self._wake.clear()
        finally:
            timer.cancel()


class GroupListener:
    """Hears of ends through the channel layer, and wakes who waits for that."""

    def __init__(self, wake: asyncio.Event) -> None:
        self._layer: Any = get_channel_layer()
        if self._layer is None:
            raise InvalidChannelLayerError(
                "ClosesWithSession is told of sessions through a channel layer: set CHANNEL_LAYERS."
            )
        self._wake = wake
        self._channel = ""
        self._groups: set[str] = set()
        # Waits for a message, and is never interrupted but at the end: layers would lose messages.
        self._hears: asyncio.Task[Any] | None = None

    async def listen(self, handle: str | None) -> None:
        """Each time anew, because a layer forgets after a day."""
        self._groups |= {EVERYBODY, *([group_of(handle)] if handle else [])}
        with _logged("The channel layer cannot be reached", self._try_again):
            self._channel = self._channel or await self._layer.new_channel()
            for group in self._groups:
                await self._layer.group_add(group, self._channel)
            if self._hears is None:
                self._hears = asyncio.create_task(self._layer.receive(self._channel))
                self._hears.add_done_callback(self._heard)

    async def close(self) -> None:
        if self._hears is not None:
            self._hears.cancel()
            await asyncio.wait([self._hears])
        for group in self._groups if self._channel else ():
            with _logged("The channel layer cannot be reached"):
                await self._layer.group_discard(group, self._channel)

    def _heard(self, task: asyncio.Task[Any]) -> None:
        self._hears = None
        if not task.cancelled():
            with _logged("The channel layer cannot be reached", self._try_again):
                task.result()
                self._wake.set()

    def _try_again(self) -> None:
        asyncio.get_running_loop().call_later(RETRY, self._wake.set)


@contextmanager
def _logged(problem: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Whatever a library raises: a socket that nobody looks after would outlive its session."""
    try:
        yield
    except Exception as error:
        logger.warning("%s: %s: %s", problem, type(error).__name__, error)
        then()
