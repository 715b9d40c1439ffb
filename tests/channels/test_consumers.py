"""ClosesWithSession in one process, with an in-memory channel layer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from channels.exceptions import InvalidChannelLayerError

from django_multisession import sessions
from django_multisession.engine import store
from support.channel_consumers import Echo, Often, closed, echo, opened
from support.project import install

# Channels calls close_old_connections(), which accesses the database.
pytestmark = pytest.mark.usefixtures("layer", "databases")


@pytest.fixture(autouse=True)
def engine(memory_storage: Any, settings: Any, monkeypatch: Any) -> None:
    """Configure the memory storage."""
    install(memory_storage, settings, monkeypatch)


def run(scenario: Any, consumer: Any) -> None:
    """Run the scenario in an event loop, with a socket that has a stored session."""

    async def begin() -> None:
        token = await sessions.acreate()
        session = store()(token.session_key)
        async with opened(consumer, session) as socket:
            await scenario(socket, session)

    asyncio.run(begin())


def test_it_closes_when_its_session_ends():
    async def scenario(socket, session):
        await sessions.aend(session.handle)
        assert await closed(socket) == 4401

    run(scenario, Echo())


def test_it_says_so_with_the_code_that_it_was_given():
    class Own(Echo):
        session_ended_code = 4999

    async def scenario(socket, session):
        await sessions.aclear()
        assert await closed(socket) == 4999

    run(scenario, Own())


def test_disconnect_is_called_with_the_code_of_the_server():
    consumer = Echo()
    run(lambda socket, session: sessions.aend(session.handle), consumer)
    assert consumer.codes == [4000]


def test_nothing_is_sent_after_the_close():
    async def scenario(socket, session):
        await sessions.aend(session.handle)
        await closed(socket)
        await socket.send_to(text_data="too late")
        assert await socket.receive_nothing()

    run(scenario, Echo())


def test_nothing_is_heard_after_the_close():
    """A client that ignores the close can send for a while."""
    consumer = Echo()

    async def scenario(socket, session):
        await sessions.aend(session.handle)
        await closed(socket)
        await socket.send_to(text_data="do this")

    run(scenario, consumer)
    assert consumer.heard == ["hi"]


def test_what_the_consumer_closed_is_not_closed_again(caplog):
    class Leaves(Echo):
        async def receive(self, text_data=None, bytes_data=None):
            await super().receive(text_data)
            await (self.close(4000) if text_data == "bye" else asyncio.sleep(0))

    async def scenario(socket, session):
        await socket.send_to(text_data="bye")
        assert await socket.receive_from() == "bye"
        assert await closed(socket) == 4000
        await sessions.aend(session.handle)
        assert await socket.receive_nothing(0.2)

    run(scenario, Leaves())
    assert caplog.records == []


def test_other_sockets_stay_open():
    async def scenario(socket, session):
        other = await sessions.acreate()
        await sessions.aend(other.handle)
        await echo(socket)

    run(scenario, Echo())


def test_it_leaves_its_groups(layer):
    async def scenario(socket, session):
        assert len(layer.groups) == 2

    run(scenario, Echo())
    assert layer.groups == {}


def test_it_leaves_them_also_when_the_session_has_ended(layer):
    async def scenario(socket, session):
        await sessions.aend(session.handle)
        await closed(socket)

    run(scenario, Echo())
    assert layer.groups == {}


def test_a_visitor_without_a_session_is_left_alone():
    async def scenario():
        async with opened(Often(), store()()) as socket:
            await asyncio.sleep(0.2)  # four checks
            await sessions.aclear()
            await echo(socket)

    asyncio.run(scenario())


def test_so_is_one_of_an_unknown_session():
    async def scenario():
        async with opened(Often(), store()("x" * 32)) as socket:
            await asyncio.sleep(0.2)
            await echo(socket)

    asyncio.run(scenario())


def test_a_session_that_expires(clock):
    """No message reports an expiry; the periodic check finds it."""

    async def scenario(socket, session):
        clock.advance(days=15)
        assert await closed(socket) == 4401

    run(scenario, Often())


def test_one_that_goes_on_longer_than_it_was_known():
    """At the known expiry the session is read again, and its new expiry counts."""

    async def scenario():
        token = await sessions.acreate(expires_in=0.3)
        session = store()(token.session_key)
        async with opened(Echo(), session) as socket:
            await session.aset_expiry(60)
            await session.asave()
            await asyncio.sleep(0.5)
            await echo(socket)

    asyncio.run(scenario())


def test_one_that_is_read_again_in_the_consumer():
    """The consumer may notice the end before the watcher does."""

    class Reads(Echo):
        async def receive(self, text_data=None, bytes_data=None):
            await super().receive(text_data)
            await self.scope["session"].aload()

    async def scenario(socket, session):
        await store().storage.adelete(session.handle)
        await echo(socket)
        assert await closed(socket) == 4401

    run(scenario, partial(_often, Reads))


async def _often(consumer: type[Echo], *args: Any) -> None:
    await type("Often", (consumer,), {"session_check_interval": 0.05})()(*args)


def test_without_a_channel_layer_it_says_what_to_do(settings):
    settings.CHANNEL_LAYERS = {}
    session = store()(sessions.create().session_key)
    with pytest.raises(InvalidChannelLayerError, match="set CHANNEL_LAYERS"):
        asyncio.run(Echo()({"type": "websocket", "session": session}, None, None))
