"""Channels in this process: an in-memory layer, and sockets without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from django_multisession import signals
from django_multisession.channels import ClosesWithSession, notifications

UID = "multisession_sockets"
DEADLINE = 10  # seconds until a response


@contextmanager
def layered(settings: Any) -> Iterator[Any]:
    """Configure a channel layer and connect the receivers, for a fixture."""
    backend = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    settings.CHANNEL_LAYERS = {"default": backend}
    notifications.connect()
    yield get_channel_layer()
    for signal in (signals.session_ended, signals.sessions_cleared):
        assert signal.disconnect(dispatch_uid=UID)


class Echo(ClosesWithSession, AsyncWebsocketConsumer):
    """A consumer that echoes texts and records them and its close codes."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.codes: list[int] = []

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.heard.append(text_data or "")
        await self.send(text_data=text_data)

    async def disconnect(self, code: int) -> None:
        self.codes.append(code)


class Often(Echo):
    """A consumer that checks its session often."""

    session_check_interval = 0.05


@asynccontextmanager
async def opened(consumer: Any, session: Any) -> AsyncIterator[Any]:
    """Open a socket without a server. Its tasks must be finished at the end."""
    before = asyncio.all_tasks()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await consumer({**scope, "session": session}, receive, send)

    socket = WebsocketCommunicator(application, "/")
    assert (await socket.connect(DEADLINE))[0]
    await echo(socket)
    yield socket
    await socket.send_input({"type": "websocket.disconnect", "code": 4000})
    await socket.wait(DEADLINE)
    left = asyncio.all_tasks() - before
    assert not left


async def echo(socket: Any) -> None:
    await socket.send_to(text_data="hi")
    assert await socket.receive_from(DEADLINE) == "hi"


async def closed(socket: Any) -> int:
    """Return the code with which the server closes the socket."""
    message = await socket.receive_output(DEADLINE)
    assert message["type"] == "websocket.close"
    return int(message["code"])
