"""`tombstones`: notes that keep ended sessions from being moved, in both dialects."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from django_multisession.core import keys
from django_multisession.transfer import tombstones
from support.subjects import make_record

AGE = timedelta(days=14)  # SESSION_COOKIE_AGE


@pytest.fixture
def api(dialect):
    """The module `tombstones`, in the dialect."""
    return dialect(tombstones)


@pytest.fixture
def ada(clock):
    """A session in the previous engine: its handle and its record."""
    references = {"user": "7", "org": "3"}
    record = make_record(clock, references=references)
    return SimpleNamespace(handle=keys.hash_key(keys.new_key()), record=record)


@pytest.fixture
def is_ended(api, memory_storage, source, ada):
    """``is_ended()``: whether a tombstone applies to ada's session."""
    return lambda: api.exists(memory_storage, source, ada.handle, ada.record)


class TestAdd:
    def test_it_applies_to_this_session_only(self, api, memory_storage, ada, is_ended):
        api.add(memory_storage, keys.hash_key(keys.new_key()))
        assert not is_ended()
        api.add(memory_storage, ada.handle)
        assert is_ended()

    def test_it_lasts_as_long_as_a_session_in_the_previous_engine(
        self, api, memory_storage, ada, is_ended, clock
    ):
        api.add(memory_storage, ada.handle)
        clock.advance(seconds=AGE.total_seconds() - 1)
        assert is_ended()
        clock.advance(seconds=1)
        assert not is_ended()

    def test_it_may_be_added_twice(self, api, memory_storage, ada, is_ended):
        api.add(memory_storage, ada.handle), api.add(memory_storage, ada.handle)
        assert is_ended()

    def test_it_costs_nothing_without_previous_engines(
        self, api, memory_storage, ada, is_ended, configure_sources
    ):
        configure_sources()
        api.add(memory_storage, ada.handle)
        api.add_all(memory_storage)
        assert not is_ended()


class TestAddAll:
    @pytest.mark.parametrize("reference", [("user", "7"), ("org", "3"), None])
    def test_it_applies_to_sessions_with_the_reference(
        self, api, memory_storage, is_ended, reference
    ):
        assert not is_ended()
        api.add_all(memory_storage, reference)
        assert is_ended()

    @pytest.mark.parametrize("reference", [("user", "8"), ("org", "7"), ("team", "7")])
    def test_it_applies_to_no_others(self, api, memory_storage, is_ended, reference):
        api.add_all(memory_storage, reference)
        assert not is_ended()

    def test_it_applies_to_every_configured_engine_and_to_no_other(
        self, api, memory_storage, source, ada, configure_sources
    ):
        second, later = type(source)(), type(source)()
        configure_sources(source, second)
        api.add_all(memory_storage)
        applies = [
            api.exists(memory_storage, engine, ada.handle, ada.record)
            for engine in (source, second, later)
        ]
        assert applies == [True, True, False]

    def test_it_outlasts_every_cookie(self, api, memory_storage, is_ended, clock):
        api.add_all(memory_storage)
        clock.advance(days=399)
        assert is_ended()
        clock.advance(days=1)
        assert not is_ended()

    def test_it_does_not_apply_to_a_session_that_began_later(
        self, api, memory_storage, source, ada, clock
    ):
        """The project went back to the previous engine, and the user logged in again."""
        api.add_all(memory_storage, ("user", "7"))

        def applies():
            record = make_record(clock, references={"user": "7"})
            return api.exists(memory_storage, source, ada.handle, record)

        clock.advance(seconds=tombstones.OVERLAP.total_seconds())
        assert applies()  # processes of both versions may be at work
        clock.advance(seconds=1)
        assert not applies()


class TestClaim:
    def test_only_the_first_of_two_requests_gets_it(self, api, memory_storage, ada):
        assert api.claim(memory_storage, ada.handle, ada.record) is True
        assert api.claim(memory_storage, ada.handle, ada.record) is False

    def test_an_ended_session_cannot_be_claimed(self, api, memory_storage, source, ada):
        api.add(memory_storage, ada.handle)
        assert api.claim(memory_storage, ada.handle, ada.record) is False

    def test_a_claimed_session_is_not_moved_again(self, api, memory_storage, ada, is_ended, clock):
        api.claim(memory_storage, ada.handle, ada.record)
        assert is_ended()
        clock.now = ada.record.expires_at
        assert not is_ended()


def test_the_names_of_tombstones_reveal_neither_handles_nor_users(
    api, memory_storage, source, ada, monkeypatch
):
    names = []
    monkeypatch.setattr(memory_storage, "acquire_lease", lambda name, *args: names.append(name))
    api.add(memory_storage, ada.handle)
    api.add_all(memory_storage, ("user", "7"))
    assert len({*names}) == 2
    assert all(keys.is_handle(name) for name in names)
    assert ada.handle not in names
