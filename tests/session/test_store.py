"""`SessionStore` on the memory storage, which is the specification, in both dialects."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted

from django_multisession import signals
from django_multisession.core import keys
from django_multisession.core.client import Client
from django_multisession.core.record import Change
from django_multisession.session import SessionGone
from support.project import hearing

IPHONE = Client("192.0.2.1", "Mozilla/5.0 (iPhone)")
LINUX = Client("2001:db8::1", "Mozilla/5.0 (X11; Linux)")


@pytest.fixture
def session(store, dialect):
    """``session(key)``: a session object, called in the dialect. Its own class is ``subject``."""
    return lambda key=None: dialect(store(key))


@pytest.fixture
def saved(session):
    """``saved(**fields)``: store a new session with these fields; return its object and its key."""

    def save(**fields):
        holder = session()
        holder.update(fields)
        holder.save()
        return holder, holder.subject.session_key

    return save


@pytest.fixture
def calls(memory_storage, monkeypatch):
    """The names of the verbs that are called on the storage, in order."""
    called = []

    def watch(name):
        verb = getattr(memory_storage, name)

        def watched(*args):
            called.append(name)
            return verb(*args)

        monkeypatch.setattr(memory_storage, name, watched)

    for name in ("read", "insert", "update", "rename", "delete"):
        watch(name)
    return called


@pytest.fixture
def events():
    """The signals that are sent, in order: (name, arguments)."""
    sent, receivers = [], []
    for name in ("session_created", "session_saved", "session_ended", "client_changed"):

        def receive(sender, signal, name=name, **arguments):
            sent.append((name, arguments))

        getattr(signals, name).connect(receive)
        receivers.append((name, receive))
    yield sent
    for name, receive in receivers:
        getattr(signals, name).disconnect(receive)


class TestLoad:
    def test_a_second_holder_sees_what_the_first_saved(self, session, saved):
        _, key = saved(cart=[1, 2], name="Ada")
        assert dict(session(key).items()) == {"cart": [1, 2], "name": "Ada"}

    @pytest.mark.parametrize(
        "offered",
        [
            "",
            "short",
            "1234567",
            "UPPERCASEUPPERCASEUPPERCASEUPPER",
            "k\u00e9y-with-accents-and-more-text",
            "abcdefgh\0abcdefgh",
            "../../../../etc/passwd",
            "x" * 41,
            "x" * 10_000,
            keys.hash_key("a" * 32),
            "abcdefgh\n",
        ],
    )
    def test_text_that_is_not_a_key_reaches_no_storage(self, session, calls, offered):
        holder = session(offered)
        assert holder.get("a") is None
        assert calls == []
        holder.update({"a": 1})
        holder.save()
        assert calls == ["insert"]
        assert holder.subject.session_key not in (None, offered)

    def test_an_unknown_key_is_dropped_and_nothing_created(self, session, store, calls):
        holder = session("a" * 32)
        assert holder.load() == {}
        assert holder.subject.session_key is None
        assert calls == ["read"]
        assert store.storage.count() == 0

    def test_a_key_that_was_just_chosen_is_kept_and_not_read(self, session, calls):
        holder = session()
        holder.cycle_key()
        key = holder.subject.session_key
        holder.update({"a": 1})
        assert calls == []
        holder.save()
        assert holder.subject.session_key == key
        assert calls == ["insert"]

    def test_an_offered_key_is_never_adopted(self, session):
        holder = session("a" * 32)
        holder.update({"a": 1})
        holder.save()
        assert holder.subject.session_key != "a" * 32
        assert not session().exists("a" * 32)

    def test_the_key_is_stored_nowhere(self, saved, store):
        _, key = saved(a=1)
        ((handle, _),) = store.storage.page()[0]
        assert handle == keys.hash_key(key)
        assert key not in repr(vars(store.storage))

    def test_a_corrupt_field_is_logged_with_the_handle_and_reads_as_absent(
        self, session, saved, store, caplog
    ):
        holder, key = saved(good=1)
        store.storage.update(holder.subject.handle, Change(set={"bad": b'{"secret'}))
        with caplog.at_level(logging.WARNING, "django.security.SuspiciousSession"):
            assert dict(session(key).items()) == {"good": 1}
        assert holder.subject.handle in caplog.text
        assert "secret" not in caplog.text
        assert key not in caplog.text

    def test_a_corrupt_session_can_be_ended(self, session, saved, store):
        holder, key = saved()
        store.storage.update(holder.subject.handle, Change(set={"bad": b"{"}))
        session(key).flush()
        assert not session().exists(key)


class TestSave:
    def test_two_holders_that_change_different_fields_both_win(self, session, saved):
        _, key = saved(a=0, b=0)
        first, second = session(key), session(key)
        assert (first.get("a"), second.get("b")) == (0, 0)
        first.update({"a": 1})
        second.update({"b": 2})
        first.save()
        second.save()
        assert dict(session(key).items()) == {"a": 1, "b": 2}

    def test_if_two_change_the_same_field_the_later_wins(self, session, saved):
        _, key = saved(a=0)
        first, second = session(key), session(key)
        first.update({"a": 1})
        second.update({"a": 2})
        second.save()
        first.save()
        assert session(key).get("a") == 1

    def test_a_field_that_another_request_removed_does_not_come_back(self, session, saved):
        _, key = saved(_auth_user_id="1", a=0)
        stale, other = session(key), session(key)
        assert stale.get("_auth_user_id") == "1"
        other.pop("_auth_user_id")
        other.save()
        stale.update({"a": 1})
        stale.save()
        assert dict(session(key).items()) == {"a": 1}

    def test_a_change_inside_a_value_counts(self, session, saved):
        _, key = saved(cart={"items": []})
        holder = session(key)
        holder.get("cart")["items"].append(7)
        holder.save()
        assert session(key).get("cart") == {"items": [7]}

    def test_only_what_changed_is_sent(self, session, saved, store, monkeypatch):
        _, key = saved(a=1, b=2, c=[3])
        sent = []
        update = store.storage.update
        monkeypatch.setattr(
            store.storage, "update", lambda *call: sent.append(call[1]) or update(*call)
        )
        holder = session(key)
        assert (holder.get("a"), holder.get("c")) == (1, [3])
        holder.update({"a": 9, "b": 2})
        holder.save()
        assert [(dict(change.set), set(change.unset)) for change in sent] == [({"a": b"9"}, set())]

    def test_nothing_changed_and_recently_seen_does_no_io(self, session, saved, calls):
        _, key = saved(a=1)
        calls.clear()
        holder = session(key)
        holder.update({"a": 1})
        holder.save()
        holder.save()
        assert calls == ["read"]

    def test_a_session_that_another_request_ended_is_not_brought_back(self, session, saved, store):
        _, key = saved(a=1)
        holder = session(key)
        holder.update({"a": 2})
        session(key).flush()
        with pytest.raises(UpdateError) as caught:
            holder.save()
        assert isinstance(caught.value, (SessionGone, SessionInterrupted))
        assert store.storage.count() == 0

    def test_a_session_cleared_without_having_been_read(self, session, saved):
        _, key = saved(a=1, b=2)
        holder = session(key)
        holder.subject.clear()
        holder.update({"c": 3})
        holder.save()
        assert dict(session(key).items()) == {"c": 3}

    def test_cleared_unread_and_gone(self, session):
        holder = session("a" * 32)
        holder.subject.clear()
        with pytest.raises(SessionGone):
            holder.save()

    def test_an_unserialisable_value_writes_nothing(self, session, saved):
        _, key = saved(a=1)
        holder = session(key)
        holder.update({"a": 2, "b": object()})
        with pytest.raises(TypeError):
            holder.save()
        assert dict(session(key).items()) == {"a": 1}

    def test_a_taken_key_is_not_overwritten(self, session, saved):
        _, key = saved(a=1)
        thief = session(key)
        with pytest.raises(CreateError):
            thief.save(must_create=True)
        assert session(key).get("a") == 1

    def test_create_finds_another_key(self, session, saved, monkeypatch):
        _, key = saved(a=1)
        offers = iter([key, "b" * 32])
        monkeypatch.setattr(keys, "new_key", lambda: next(offers))
        holder = session()
        holder.create()
        assert holder.subject.session_key == "b" * 32
        assert session(key).get("a") == 1

    def test_create_gives_up_rather_than_loop(self, session, saved, monkeypatch):
        _, key = saved(a=1)
        monkeypatch.setattr(keys, "new_key", lambda: key)
        with pytest.raises(CreateError):
            session().create()

    def test_numbers_as_names_are_what_json_makes_of_them(self, session, saved):
        holder = session()
        holder.update({1: "one"})
        assert holder.get(1) == "one"
        holder.save()
        assert session(holder.subject.session_key).get(1) == "one"


class TestKeys:
    def test_a_new_key_keeps_the_data_and_kills_the_old_one(self, session, saved):
        holder, old = saved(a=1)
        holder.update({"b": 2})
        holder.cycle_key()
        new = holder.subject.session_key
        assert new != old
        assert session(old).load() == {}
        assert dict(session(new).items()) == {"a": 1, "b": 2}

    def test_it_needs_no_load(self, session, saved, calls):
        _, key = saved(a=1)
        calls.clear()
        holder = session(key)
        holder.cycle_key()
        assert calls == ["rename"]
        assert holder.get("a") == 1

    def test_it_costs_nothing_before_the_session_is_stored(self, session, calls):
        holder = session()
        holder.update({"a": 1})
        holder.cycle_key()
        key = holder.subject.session_key
        assert (keys.is_key(key), calls) == (True, [])
        holder.update({"b": 2})
        holder.save()
        assert calls == ["insert"]
        assert dict(session(key).items()) == {"a": 1, "b": 2}

    def test_a_session_ended_meanwhile_gets_no_new_key(self, session, saved, store):
        _, key = saved(a=1)
        holder = session(key)
        assert holder.get("a") == 1
        session(key).delete()
        with pytest.raises(SessionGone):
            holder.cycle_key()
        assert store.storage.count() == 0

    def test_an_unknown_key_that_was_never_read_gives_an_empty_session(self, session):
        holder = session("a" * 32)
        holder.cycle_key()
        assert holder.subject.session_key not in (None, "a" * 32)
        assert dict(holder.items()) == {}
        holder.save()
        assert session().exists(holder.subject.session_key)

    def test_the_first_login_moves_the_references(self, session, saved, store):
        holder, _ = saved(cart=[1])
        holder.cycle_key()
        holder.update({"_auth_user_id": "42"})
        holder.save()
        assert [id for id, _ in store.storage.find("user", "42")] == [holder.subject.handle]

    def test_created_at_survives(self, session, saved, clock):
        holder, _ = saved(a=1)
        created = clock.now
        clock.advance(hours=1)
        holder.cycle_key()
        assert holder.created_at() == created
        assert session(holder.subject.session_key).created_at() == created


class TestEnd:
    def test_flush_ends_it_and_starts_from_nothing(self, session, saved, calls):
        _, key = saved(a=1)
        calls.clear()
        holder = session(key)
        holder.flush()
        assert calls == ["delete"]
        subject = holder.subject
        assert (subject.session_key, subject.is_empty(), subject.modified) == (None, True, True)
        assert not session().exists(key)

    def test_after_flush_a_new_session_has_a_new_key(self, session, saved):
        holder, key = saved(a=1)
        holder.flush()
        holder.update({"b": 2})
        holder.save()
        assert holder.subject.session_key != key
        assert dict(session(holder.subject.session_key).items()) == {"b": 2}

    def test_flush_of_a_session_that_is_not_stored_does_no_io(self, session, calls):
        holder = session()
        holder.update({"a": 1})
        holder.cycle_key()
        holder.flush()
        assert calls == []

    def test_delete_of_another_key(self, session, saved):
        _, key = saved(a=1)
        session().delete(key)
        session().delete("no key")
        session().delete()
        assert not session().exists(key)

    def test_reload(self, session, saved):
        _, key = saved(a=1)
        holder, other = session(key), session(key)
        holder.update({"a": 2})
        other.update({"a": 3})
        other.save()
        holder.reload()
        assert (holder.get("a"), holder.subject.modified) == (3, False)
        other.flush()
        with pytest.raises(SessionGone):
            holder.reload()


class TestGetFields:
    def test_only_the_named_fields_are_read(self, session, saved, calls):
        _, key = saved(a=1, b=2)
        calls.clear()
        holder = session(key)
        assert holder.get_fields("a", "absent") == {"a": 1}
        assert (calls, holder.subject.accessed) == (["read"], True)
        assert not hasattr(holder.subject, "_session_cache")

    def test_a_value_that_this_object_changed_counts(self, session, saved):
        _, key = saved(a=1)
        holder = session(key)
        holder.update({"a": 2})
        assert holder.get_fields("a") == {"a": 2}

    def test_nothing_without_a_session(self, session, saved, clock):
        _, key = saved(a=1)
        clock.advance(days=30)
        assert session(key).get_fields("a") == session().get_fields("a") == {}


class TestExpiry:
    def test_a_session_expires_after_the_cookie_age(self, session, saved, clock, settings):
        settings.SESSION_COOKIE_AGE = 100
        _, key = saved(a=1)
        clock.advance(seconds=99.999999)
        assert session().exists(key)
        clock.advance(seconds=0.000001)
        assert not session().exists(key)
        assert session(key).load() == {}

    def test_set_expiry_comes_before_the_policy(self, session, settings, clock):
        settings.MULTISESSION_TTL = 50
        holder = session()
        holder.set_expiry(10)
        holder.save()
        assert holder.expires_at() == clock.now + timedelta(seconds=10)

    def test_the_policy_is_not_called_where_set_expiry_decides(self, session, settings, clock):
        settings.MULTISESSION_TTL = f"{__name__}.uncalled_policy"
        holder = session()
        holder.set_expiry(10)
        holder.save()
        assert holder.expires_at() == clock.now + timedelta(seconds=10)

    @pytest.mark.parametrize(
        ("ttl", "seconds"),
        [(50, 50), (timedelta(minutes=1), 60), (f"{__name__}.staff_policy", 14 * 86400)],
    )
    def test_the_policy_comes_before_the_cookie_age(self, session, settings, clock, ttl, seconds):
        settings.MULTISESSION_TTL = ttl
        holder = session()
        holder.update({"a": 1})
        holder.save()
        assert holder.expires_at() == clock.now + timedelta(seconds=seconds)
        assert holder.get_expiry_age() == seconds

    def test_a_policy_callable_sees_the_session(self, session, settings, clock):
        settings.MULTISESSION_TTL = f"{__name__}.staff_policy"
        holder = session()
        holder.update({"staff": True})
        holder.save()
        assert holder.expires_at() == clock.now + timedelta(minutes=5)

    def test_nothing_passes_the_absolute_end(self, session, settings, clock):
        settings.MULTISESSION_ABSOLUTE_AGE = 1000
        holder = session()
        holder.set_expiry(900)
        holder.save()
        end = clock.now + timedelta(seconds=1000)
        clock.advance(seconds=800)
        holder.touch()
        holder.cycle_key()
        holder.set_expiry(timedelta(days=9))
        holder.save()
        assert holder.expires_at() == end
        assert holder.get_expiry_age() == 200
        assert holder.get_expiry_date() == end
        clock.now = end
        assert session(holder.subject.session_key).load() == {}

    def test_a_fixed_date(self, session, clock):
        end = datetime(2100, 1, 1, tzinfo=timezone.utc)
        holder = session()
        holder.set_expiry(end)
        holder.save()
        clock.advance(hours=1)
        holder.touch()
        assert holder.expires_at() == end

    @pytest.mark.parametrize("lifetime", [-1, timedelta(seconds=-10), -(10**6)])
    def test_a_lifetime_that_is_over_reads_as_expired(self, session, lifetime):
        holder = session()
        holder.update({"a": 1})
        holder.set_expiry(lifetime)
        holder.save()
        assert session(holder.subject.session_key).load() == {}

    def test_until_the_browser_closes(self, session, clock):
        holder = session()
        holder.set_expiry(0)
        holder.save()
        assert holder.get_expire_at_browser_close() is True
        assert holder.expires_at() == clock.now + timedelta(days=14)

    def test_an_expired_session_is_deleted_when_a_request_reads_it(
        self, session, saved, store, clock
    ):
        _, key = saved(a=1)
        clock.advance(days=15)
        assert session(key).load() == {}
        assert store.storage.read(keys.hash_key(key)) is None

    def test_an_expired_session_is_kept_until_it_is_purged_if_the_project_wants_it(
        self, session, saved, store, clock, settings
    ):
        settings.MULTISESSION_KEEP_EXPIRED = True
        _, key = saved(a=1)
        clock.advance(days=15)
        assert session(key).load() == {}
        assert store.storage.read(keys.hash_key(key)) is not None
        session().clear_expired()
        assert store.storage.read(keys.hash_key(key)) is None

    def test_a_session_that_another_request_renewed_meanwhile_stays(
        self, session, saved, store, clock, monkeypatch
    ):
        """The clocks of two servers differ, or the other request was already under way."""
        _, key = saved(a=1)
        later = clock.now + timedelta(days=30)
        clock.advance(days=15)
        delete, handle = store.storage.delete, keys.hash_key(key)

        def renew_and_delete(*args):
            record = delete_and_return(store.storage, handle)
            store.storage.insert(handle, replace(record, expires_at=later))
            return delete(*args)

        def delete_and_return(storage, handle):
            record = storage.read(handle)
            delete(handle)
            return record

        monkeypatch.setattr(store.storage, "delete", renew_and_delete)
        assert session(key).load() == {}
        assert dict(session(key).items()) == {"a": 1}

    def test_clear_expired(self, session, saved, store, clock):
        saved(a=1)
        clock.advance(days=14, hours=1)
        _, key = saved(b=1)
        session().clear_expired()
        assert [handle for handle, _ in store.storage.page()[0]] == [keys.hash_key(key)]
        assert store.storage.count(expired_only=True) == 0


def staff_policy(session):
    """Return five minutes for staff, and Django's default for others: for MULTISESSION_TTL."""
    return timedelta(minutes=5) if session.get("staff") else None


def uncalled_policy(session):
    """Fail if the policy is called: for MULTISESSION_TTL."""
    raise AssertionError("called")


class TestTouch:
    def test_a_touch_moves_times_and_writes_no_field(self, session, saved, clock):
        _, key = saved(a=1)
        holder, other = session(key), session(key)
        assert holder.get("a") == 1
        other.update({"a": 2})
        other.save()
        clock.advance(hours=1)
        assert holder.touch() is True
        assert holder.last_seen_at() == clock.now
        assert session(key).get("a") == 2
        assert session(key).expires_at() == clock.now + timedelta(days=14)

    def test_nothing_to_touch(self, session, saved):
        assert session().touch() is False
        assert session("a" * 32).touch() is False
        _, key = saved(a=1)
        holder = session(key)
        assert holder.get("a") == 1
        session(key).flush()
        assert holder.touch() is False

    def test_a_save_touches_when_the_interval_is_over(self, session, saved, clock, calls):
        _, key = saved(a=1)
        calls.clear()
        holder = session(key)
        clock.advance(seconds=59)
        holder.save()
        assert calls == ["read"]
        clock.advance(seconds=1)
        holder.save()
        assert calls == ["read", "update"]

    def test_no_touch_is_due_if_touching_is_switched_off(self, session, saved, clock, settings):
        settings.MULTISESSION_TOUCH_INTERVAL = None
        holder, _ = saved(a=1)
        clock.advance(days=1)
        assert holder.subject.is_touch_due is False

    def test_a_short_session_is_touched_in_time(self, session, clock):
        holder = session()
        holder.set_expiry(30)
        holder.save()
        clock.advance(seconds=15)
        assert holder.subject.is_touch_due is True


class TestReferences:
    def test_they_follow_the_fields(self, session, store, settings):
        settings.MULTISESSION_REFERENCES = {
            "user": "_auth_user_id",
            "org": "org_id",
            "size": f"{__name__}.cart_size",
        }
        holder = session()
        holder.update({"_auth_user_id": "42", "org_id": 7, "cart": [1, 2]})
        holder.save()
        assert holder.references() == {"user": "42", "org": "7", "size": "2"}
        holder.update({"org_id": 8})
        holder.pop("cart")
        holder.save()
        again = session(holder.subject.session_key)
        assert again.references() == {"user": "42", "org": "8"}

    def test_two_holders_change_different_references(self, session, saved, settings):
        settings.MULTISESSION_REFERENCES = {"org": "org_id", "team": "team_id"}
        _, key = saved(org_id=1, team_id=1)
        first, second = session(key), session(key)
        first.update({"org_id": 2})
        second.update({"team_id": 2})
        first.save()
        second.save()
        assert session(key).references() == {"org": "2", "team": "2"}

    def test_none_before_anything_is_stored(self, session):
        assert (session().references(), session().created_at()) == ({}, None)


def cart_size(fields):
    """Return the number of items in the cart: for MULTISESSION_REFERENCES."""
    return len(fields["cart"]) if "cart" in fields else None


class TestClient:
    def test_the_client_is_stored_and_an_unknown_one_changes_nothing(self, session, store):
        holder = session()
        holder.subject.describe_client = lambda: IPHONE
        holder.update({"a": 1})
        holder.save()
        bare = session(holder.subject.session_key)
        bare.update({"a": 2})
        bare.save()
        record = store.storage.read(holder.subject.handle)
        assert Client(record.ip, record.user_agent) == IPHONE


class TestSignals:
    def test_a_life(self, session, events, clock):
        holder = session()
        holder.subject.describe_client = lambda: IPHONE
        holder.update({"a": 1})
        holder.save()
        handles = [holder.subject.handle]
        holder.update({"_auth_user_id": "42"})
        holder.cycle_key()
        handles.append(holder.subject.handle)
        holder.subject.describe_client = lambda: LINUX
        clock.advance(hours=1)
        holder.touch()
        holder.flush()
        user = {"references": {"user": "42"}}
        assert events == [
            ("session_created", {"handle": handles[0], "references": {}}),
            (
                "session_ended",
                {"handle": handles[0], **user, "reason": "rotated", "successor": handles[1]},
            ),
            (
                "session_saved",
                {
                    "handle": handles[1],
                    **user,
                    "changed": {"_auth_user_id"},
                    "changed_references": {"user": "42"},
                },
            ),
            ("client_changed", {"handle": handles[1], **user, "before": IPHONE, "after": LINUX}),
            (
                "session_ended",
                {"handle": handles[1], **user, "reason": "logged_out", "successor": None},
            ),
        ]

    def test_the_expiry_is_announced_once(self, session, saved, events, clock):
        holder, key = saved(_auth_user_id="1")
        clock.advance(days=15)
        events.clear()
        assert session(key).load() == session(key).load() == {}
        ended = {"handle": holder.subject.handle, "references": {"user": "1"}}
        assert events == [("session_ended", {**ended, "reason": "expired", "successor": None})]

    def test_the_deletion_is_announced_once(self, session, saved, events):
        _, key = saved(a=1)
        events.clear()
        session(key).delete()
        session(key).delete()
        assert [arguments["reason"] for _, arguments in events] == ["ended"]

    def test_a_receiver_that_fails_breaks_nothing_and_is_logged(self, session, caplog):
        def fail(**kwargs):
            raise RuntimeError("receiver")

        signals.session_created.connect(fail)
        try:
            holder = session()
            holder.save()
        finally:
            signals.session_created.disconnect(fail)
        assert session().exists(holder.subject.session_key)
        assert "receiver" in caplog.text

    def test_no_signal_carries_the_key(self, session, saved, events):
        holder, key = saved(a=1)
        holder.cycle_key()
        new = holder.subject.session_key
        holder.flush()
        assert len(events) == 3
        assert key not in str(events)
        assert new not in str(events)


def test_the_repr_shows_the_handle_and_not_the_key(store):
    holder = store()
    holder.save()
    assert holder.handle in repr(holder)
    assert holder.session_key not in repr(holder)


def test_the_salt_is_djangos(store):
    from django.contrib.sessions.backends.db import SessionStore as DjangoStore

    assert store().key_salt == DjangoStore().key_salt
    assert store().decode(DjangoStore().encode({"a": 1})) == {"a": 1}


class TestClearExpired:
    """Django's ``clearsessions`` calls it."""

    def test_each_expired_session_is_announced_once(self, dialect, saved, clock, store):
        _, key = saved(name="ada")
        clock.advance(days=15)
        with hearing(signals.session_ended) as expired:
            dialect(store).clear_expired()
            dialect(store).clear_expired()
        assert [(event["handle"], event["reason"]) for event in expired] == [
            (keys.hash_key(key), "expired")
        ]

    def test_it_goes_on_until_a_batch_is_not_full(self, dialect, saved, clock, store, monkeypatch):
        monkeypatch.setattr("django_multisession.session.store.PURGE_BATCH", 2)
        for _ in range(5):
            saved(name="ada")
        clock.advance(days=15)
        dialect(store).clear_expired()
        assert store.storage.count(expired_only=True) == 0
