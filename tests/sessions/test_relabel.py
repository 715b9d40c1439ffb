"""`sessions.relabel`: change the name of a session, which does not count as a use of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_multisession import sessions, signals
from support.project import as_spoken, hearing, store_on

ADA = {"_auth_user_id": "1", "note": "private"}
LONGEST = "\U0001f36a" * 100  # characters, not bytes


@pytest.fixture
def handle(api):
    return api.create(data=ADA, label="CI").handle


@pytest.mark.parametrize("label", ["Kitchen", LONGEST, ""], ids=["words", "longest", "none"])
def test_it_is_stored_and_nothing_else_moves(api, handle, clock, label):
    before = api.get(handle)
    clock.advance(minutes=5)
    assert api.relabel(handle, label) is True
    after = api.get(handle)
    assert after == replace(before, label=label)
    assert [info.label for info in api.for_user(1)] == [label]
    assert as_spoken(api, after).data() == ADA


def test_a_session_that_does_not_exist_gets_no_name(api, clock):
    ended, expired = api.create(data=ADA).handle, api.create(data=ADA, expires_in=60).handle
    api.end(ended)
    clock.advance(minutes=2)
    assert [api.relabel(handle, "x") for handle in (ended, expired, "A" * 43)] == [False] * 3
    assert (api.get(ended), api.get(expired), api.count()) == (None, None, 0)


@pytest.mark.parametrize("handle", ["", "A" * 42, "A" * 42 + "\n", "../" * 15, None, 7, b"A" * 43])
def test_text_that_is_not_a_handle_reaches_no_storage(quick, memory_storage, monkeypatch, handle):
    monkeypatch.setattr(memory_storage, "update", None)
    assert quick.relabel(handle, "x") is False


def test_a_key_is_not_a_handle(quick):
    holder = quick.create(label="CI")
    assert quick.relabel(holder.session_key, "x") is False
    assert quick.get(holder.handle).label == "CI"


@pytest.mark.parametrize(
    ("label", "message"), [("x" * 101, "100"), ("a\0b", "NUL"), ("\ud800", "surrogate")]
)
def test_a_label_that_cannot_be_stored_is_refused(quick, label, message):
    handle = quick.create(label="CI").handle
    for target in (handle, "A" * 43, "not a handle"):
        with pytest.raises(ValueError, match=message):
            quick.relabel(target, label)
    assert quick.get(handle).label == "CI"


class TestAtOnce:
    """The session gets its name while a request is under way in it."""

    @pytest.fixture
    def store(self, storage):
        return store_on(storage)

    @pytest.fixture
    def holder(self, api, store):
        """The session object of a request that has read its session."""
        key = api.create(data=ADA, label="CI").session_key
        holder = as_spoken(api, store(key))
        assert holder.get("note") == "private"
        return holder

    def test_a_save_keeps_the_name(self, api, holder):
        assert api.relabel(holder.subject.handle, "Kitchen")
        holder.update({"cart": [1]})
        holder.save()
        self.assert_name_and_data(api, holder)

    def test_the_name_keeps_what_was_saved(self, api, holder):
        holder.update({"cart": [1]})
        holder.save()
        assert api.relabel(holder.subject.handle, "Kitchen")
        self.assert_name_and_data(api, holder)

    def test_a_new_key_keeps_the_name(self, api, holder):
        """Some servers rename a session by writing all that was read."""
        assert api.relabel(holder.subject.handle, "Kitchen")
        holder.update({"cart": [1]})
        holder.cycle_key()
        holder.save()
        self.assert_name_and_data(api, holder)

    def test_a_touch_keeps_the_name(self, api, holder, clock):
        clock.advance(minutes=5)
        assert api.relabel(holder.subject.handle, "Kitchen")
        assert holder.touch()
        info = api.get(holder.subject.handle)
        assert (info.label, info.last_seen_at) == ("Kitchen", clock.now)

    def test_an_old_handle_is_not_found(self, api, holder):
        old = holder.subject.handle
        holder.cycle_key()
        assert api.relabel(old, "Kitchen") is False
        assert api.get(holder.subject.handle).label == "CI"

    def assert_name_and_data(self, api, holder):
        info = api.get(holder.subject.handle)
        assert info.label == "Kitchen"
        assert as_spoken(api, info).data() == {**ADA, "cart": [1]}


def test_no_signal_is_sent(quick):
    """Signals announce uses of a session, and a new name is not a use."""
    holder = quick.create(data=ADA)
    with (
        hearing(signals.session_saved) as saved,
        hearing(signals.client_changed) as changed,
        hearing(signals.session_ended) as ended,
    ):
        assert quick.relabel(holder.handle, "Kitchen")
    assert (saved, changed, ended) == ([], [], [])


def test_a_session_that_began_without_a_name_gets_one(quick):
    holder = quick.create()
    assert quick.relabel(holder.handle, "Kitchen")
    assert sessions.get(holder.handle).label == "Kitchen"
