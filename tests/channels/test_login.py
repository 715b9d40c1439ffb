"""Logins in a consumer with ClosesWithSession."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.auth import login

from django_multisession import sessions
from django_multisession.engine import store
from support.channel_consumers import Echo, Often, closed, opened
from support.project import install

# Channels calls close_old_connections(), which accesses the database.
pytestmark = pytest.mark.usefixtures("layer", "databases")


@pytest.fixture(autouse=True)
def engine(memory_storage: Any, settings: Any, monkeypatch: Any) -> None:
    """Configure the memory storage."""
    install(memory_storage, settings, monkeypatch)


class TestLogin:
    """Logins that the consumer itself performs."""

    @pytest.fixture
    def user(self):
        from django.contrib.auth.models import User

        yield (user := User.objects.create(username="ada"))
        user.delete()

    def run(self, consumer: type[Echo], user: Any, scenario: Any, session: Any) -> None:
        class Knows(consumer):  # type: ignore[misc,valid-type]
            async def receive(self, text_data=None, bytes_data=None):
                if text_data == "login":
                    await login(self.scope, user)
                elif text_data == "save":
                    await self.scope["session"].asave()
                await super().receive(text_data)

        async def begin() -> None:
            async with opened(Knows(), session) as socket:
                await scenario(socket)

        asyncio.run(begin())

    @pytest.mark.parametrize("is_new", [True, False])
    def test_it_stays_open_and_closes_when_that_session_ends(self, user, is_new):
        session = store()(None if is_new else sessions.create().session_key)

        async def scenario(socket):
            await says(socket, "login", "save", "hi")
            await sessions.aend(session.handle)
            assert await closed(socket) == 4401

        self.run(Echo, user, scenario, session)

    def test_a_session_that_is_not_saved_yet_has_not_ended(self, user):
        async def scenario(socket):
            await says(socket, "login")
            await asyncio.sleep(0.2)
            await says(socket, "save")

        self.run(Often, user, scenario, store()())


async def says(socket: Any, *texts: str) -> None:
    for text in texts:
        await socket.send_to(text_data=text)
        assert await socket.receive_from(10) == text
