"""`SessionState`: decisions as functions of values, without storage, settings and event loop."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession.core import keys
from django_multisession.core.client import NOBODY, Client
from django_multisession.core.fields import Fields
from django_multisession.core.record import Change
from django_multisession.session import Policy, SessionGone
from django_multisession.session.state import SessionState
from django_multisession.signals import session_created, session_ended, session_saved
from support.subjects import make_record

DAY = timedelta(days=1)
LINUX = Client("192.0.2.1", "Mozilla/5.0 (X11; Linux)")


def nobody():
    return NOBODY


def one_day():
    return DAY.total_seconds()


@pytest.fixture
def state(clock):
    """The state of a session object that has a key and has not read its session."""
    state = SessionState(Policy(), clock)
    state.key = keys.new_key()
    return state


@pytest.fixture
def loaded(state, clock):
    """The state and the fields of a session of user 1 that was read."""
    record = make_record(clock, fields={"_auth_user_id": b'"1"'}, references={"user": "1"})
    return state, state.apply_load(record)


class TestKeys:
    def test_an_unknown_key_is_dropped(self, state):
        assert state.may_be_stored
        assert not state.apply_load(None)
        assert state.key is None
        assert state.is_known

    def test_a_new_key_is_not_stored_yet(self, state):
        old = state.key
        state.prepare_key()
        assert (state.is_new, state.is_key_new, state.may_be_stored) == (True, True, False)
        assert state.key != old
        assert state.handle == keys.hash_key(state.key)

    def test_the_handle_follows_the_key(self, state):
        before = state.handle
        assert state.handle is before  # hashed once
        state.key = keys.new_key()
        assert state.handle == keys.hash_key(state.key) != before

    def test_a_cookie_that_holds_its_session_stands_for_its_key(self, state):
        key = keys.new_key()
        assert not state.is_from_token
        assert state.token == state.key
        state.adopt_token(key, "signed:cookie")
        assert state.is_from_token
        assert state.token == state.token_of(key) == "signed:cookie"
        assert state.token_of("another") == "another"


class TestSaving:
    def test_nothing_changed_and_recently_seen_sends_nothing(self, loaded):
        state, fields = loaded
        assert state.prepare_save(fields, nobody, one_day) is None

    def test_a_changed_field_moves_the_end_as_well(self, loaded, clock):
        state, fields = loaded
        fields["cart"] = [7]
        change = state.prepare_save(fields, lambda: LINUX, one_day)
        assert change == Change(
            set={"cart": b"[7]"},
            unset=set(),
            last_seen_at=clock.now,
            expires_at=clock.now + DAY,
            references={},
            ip=LINUX.ip,
            user_agent=LINUX.user_agent,
        )

    def test_a_touch_writes_no_field(self, loaded, clock):
        state, fields = loaded
        clock.advance(minutes=2)
        assert state.is_touch_due
        change = state.prepare_save(fields, nobody, one_day)
        assert change.touches_only
        assert change.last_seen_at == clock.now

    def test_a_known_client_is_not_sent_again(self, state, clock):
        record = make_record(clock, ip=LINUX.ip, user_agent=LINUX.user_agent)
        change = state.prepare_touch(state.apply_load(record), lambda: LINUX, one_day)
        assert (change.ip, change.user_agent) == (None, None)

    def test_the_callables_are_not_called_if_nothing_is_sent(self, loaded):
        state, fields = loaded
        assert state.prepare_save(fields, pytest.fail, pytest.fail) is None

    def test_a_callable_reference_is_computed_once_for_each_save(self, clock):
        calls = []

        def size_of(fields):
            calls.append(fields)
            return len(fields)

        state = SessionState(Policy(references={"size": size_of}), clock)
        state.key = keys.new_key()
        fields = state.apply_load(make_record(clock, references={"size": "0"}))
        fields["cart"] = 1
        change = state.prepare_save(fields, nobody, one_day)
        assert change.references == {"size": "1"}
        assert len(calls) == 1

    def test_an_insert_is_announced_with_its_references(self, state, clock):
        fields = Fields(Policy().serializer)
        fields["_auth_user_id"] = "1"
        state.prepare_key()
        record = state.prepare_insert(fields, LINUX, one_day, "laptop")
        assert (record.references, record.label, record.ip) == ({"user": "1"}, "laptop", LINUX.ip)
        ((signal, arguments),) = state.apply_insert(record, fields)
        assert signal is session_created
        assert arguments == {"handle": state.handle, "references": {"user": "1"}}
        assert not state.is_new

    def test_a_change_is_announced_with_the_names_of_the_fields(self, loaded):
        state, fields = loaded
        fields["cart"] = 1
        events = state.apply_change(state.prepare_save(fields, nobody, one_day), fields)
        assert [signal for signal, _ in events] == [session_saved]
        assert events[0][1]["changed"] == {"cart"}
        assert state.prepare_save(fields, nobody, one_day) is None


class TestRotation:
    def test_a_new_key_is_announced_as_the_end_of_the_old_handle(self, loaded):
        state, fields = loaded
        old, key = state.handle, keys.new_key()
        change = state.prepare_rotation(fields, nobody, one_day)
        ((signal, arguments),) = state.apply_rotation(key, change, fields)
        assert signal is session_ended
        assert (arguments["handle"], arguments["successor"]) == (old, keys.hash_key(key))
        assert arguments["reason"] == "rotated"
        assert state.is_key_new

    def test_a_lost_rotation_starts_anew_if_nothing_was_read(self, state):
        state.apply_lost_rotation()
        assert state.is_new

    def test_a_lost_rotation_of_a_session_that_was_read_is_its_end(self, loaded):
        with pytest.raises(SessionGone):
            loaded[0].apply_lost_rotation()


class TestLifetime:
    def test_a_date_and_an_age_stop_at_the_absolute_end(self, clock):
        state = SessionState(Policy(absolute_age=DAY), clock)
        assert state.capped_date(clock.now + 2 * DAY) == clock.now + DAY
        assert state.capped_age(10**6) == DAY.total_seconds()
        assert state.capped_age(60) == 60

    def test_the_absolute_end_counts_from_the_creation(self, clock):
        state = SessionState(Policy(absolute_age=DAY), clock)
        state.key = keys.new_key()
        state.apply_load(make_record(clock, created_at=clock.now - DAY / 2))
        assert state.capped_date(clock.now + DAY) == clock.now + DAY / 2

    @pytest.mark.parametrize("keeps_expired", [True, False])
    def test_an_expired_record_is_deleted_unless_it_is_kept(self, clock, keeps_expired):
        state = SessionState(Policy(keeps_expired=keeps_expired), clock)
        expired = make_record(clock, expires_at=clock.now)
        assert state.live(expired) is None
        assert state.should_delete(expired) is not keeps_expired
        assert not state.should_delete(make_record(clock))
        assert not state.should_delete(None)
