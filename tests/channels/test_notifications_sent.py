"""Messages to the channel layer: sent only for committed changes, and to the right group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import transaction

from django_multisession import sessions
from django_multisession.channels.notifications import EVERYBODY, group_of
from django_multisession.engine import store
from support.databases import require
from support.project import install, tokens
from support.subjects import STORAGES


@pytest.fixture
def messages_to(layer: Any, monkeypatch: Any) -> Callable[[str | None], list[str]]:
    """Return a function that returns the types of new messages to a session's group.

    For None it returns those to the group of all sockets.
    """
    sent: list[tuple[str, str]] = []
    send = layer.group_send

    async def group_send(group: str, message: dict[str, Any]) -> None:
        sent.append((group, message["type"]))
        await send(group, message)

    monkeypatch.setattr(layer, "group_send", group_send)

    def messages_to(handle: str | None) -> list[str]:
        group = group_of(handle) if handle else EVERYBODY
        matching = [each for each in sent if each[0] == group]
        sent[:] = [each for each in sent if each[0] != group]
        return [type for _, type in matching]

    return messages_to


@pytest.mark.usefixtures("layer")
class TestWho:
    def test_the_session_that_ended(self, quick, clock, messages_to):
        first, second = tokens(quick, 2, clock)
        quick.end(first)
        assert messages_to(first) == ["multisession.ended"]
        assert messages_to(second) == []

    def test_each_of_several(self, quick, clock, messages_to):
        handles = tokens(quick, 3, clock, _auth_user_id="7")
        quick.log_out_everywhere(7, keep=handles[0])
        assert [len(messages_to(each)) for each in handles] == [0, 1, 1]

    def test_everybody_once(self, quick, clock, messages_to):
        handles = tokens(quick, 2, clock)
        quick.clear()
        assert len(messages_to(None)) == 1
        assert [messages_to(each) for each in handles] == [[], []]

    def test_nobody_where_there_was_no_session(self, quick, clock, messages_to):
        (handle,) = tokens(quick, 1, clock)
        quick.end(handle)
        messages_to(handle)
        assert not quick.end(handle)
        assert messages_to(handle) == []

    def test_not_of_the_end_that_was_known(self, quick, clock, messages_to):
        """An expiry sends no message, since sockets know it."""
        key = quick.create().session_key
        handle = store()(key).handle
        clock.advance(days=15)
        assert store()(key).load() == {}
        assert messages_to(handle) == []

    @pytest.mark.parametrize("verb", ["flush", "cycle_key", "delete"])
    def test_whatever_the_session_itself_does(self, quick, messages_to, dialect, verb):
        session = quick.create()
        handle = session.handle
        getattr(dialect(session), verb)()
        assert messages_to(handle) == ["multisession.ended"]


def test_names_are_allowed_in_every_layer(quick, clock, layer):
    (handle,) = tokens(quick, 1, clock)
    assert layer.require_valid_group_name(group_of(handle))
    assert layer.require_valid_group_name(EVERYBODY)
    assert group_of(handle) != EVERYBODY


def test_a_layer_that_fails_breaks_nothing(quick, clock, layer, caplog, monkeypatch):
    (handle,) = tokens(quick, 1, clock)
    monkeypatch.setattr(layer, "group_send", None)
    assert quick.end(handle)
    assert quick.clear() == 0
    assert [record.name for record in caplog.records] == ["django.dispatch"] * 2


def test_no_default_layer_is_no_mistake(quick, clock, layer, caplog, settings):
    settings.CHANNEL_LAYERS = {"other": settings.CHANNEL_LAYERS["default"]}
    (handle,) = tokens(quick, 1, clock)
    assert quick.end(handle)
    assert get_channel_layer() is None
    assert caplog.records == []


@pytest.mark.usefixtures("databases", "layer")
class TestTransactions:
    @pytest.fixture
    def handle(self, clock, settings, monkeypatch):
        storage = STORAGES["sqlite"](clock)
        install(storage, settings, monkeypatch)
        yield sessions.create().handle
        storage.clear()

    def test_at_once_where_sessions_are_kept_elsewhere(
        self, memory_storage, settings, monkeypatch, messages_to
    ):
        """A storage outside the database does not wait for the transaction."""
        install(memory_storage, settings, monkeypatch)
        handle = sessions.create().handle
        with transaction.atomic():
            sessions.end(handle)
            assert messages_to(handle) == ["multisession.ended"]
            transaction.set_rollback(True)
        assert messages_to(handle) == []

    def test_told_once_it_is_committed(self, handle, messages_to):
        with transaction.atomic():
            sessions.end(handle)
            assert messages_to(handle) == []
        assert messages_to(handle) == ["multisession.ended"]

    def test_nothing_is_told_of_what_is_rolled_back(self, handle, messages_to):
        with transaction.atomic():
            sessions.end(handle)
            sessions.clear()
            transaction.set_rollback(True)
        assert messages_to(handle) == messages_to(None) == []

    def test_nor_of_what_a_savepoint_took_back(self, handle, messages_to):
        with transaction.atomic():
            with transaction.atomic():
                sessions.end(handle)
                transaction.set_rollback(True)
            sessions.clear()
        assert messages_to(handle) == []
        assert len(messages_to(None)) == 1

    def test_of_two_databases_each_one_tells(self, handle, messages_to):
        """Each commit of several transactions sends a message; the receivers read the session."""
        require("postgres")
        with transaction.atomic():
            with transaction.atomic(using="postgres"):
                sessions.end(handle)
                assert messages_to(handle) == []
            assert len(messages_to(handle)) == 1
        assert len(messages_to(handle)) == 1

    def test_a_layer_that_fails_does_not_break_the_commit(
        self, handle, messages_to, monkeypatch, caplog
    ):
        monkeypatch.setattr(get_channel_layer(), "group_send", None)
        with transaction.atomic():
            sessions.end(handle)
        assert [record.name for record in caplog.records] == ["django.db.backends.base"]
        assert not transaction.get_connection().needs_rollback
