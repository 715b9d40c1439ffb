"""Ending one session, those of a user, those of a reference, or all; and the signals about it."""

from __future__ import annotations

import pytest

from django_multisession import sessions, signals
from django_multisession.core import keys
from django_multisession.session import SessionGone
from support.project import as_spoken, failing, hearing, tokens

ADA, GRACE = {"_auth_user_id": "1"}, {"_auth_user_id": "2"}


@pytest.fixture
def ended():
    """The arguments of every `session_ended` that is sent."""
    with hearing(signals.session_ended) as events:
        yield events


def remaining(api):
    """Return the handles of all sessions."""
    return {info.handle for info in api.all()}


class TestEnd:
    def test_one_is_ended_once(self, api, clock, ended):
        first, second = tokens(api, 2, clock, **ADA)
        assert [api.end(first), api.end(first), api.end("A" * 43)] == [True, False, False]
        assert remaining(api) == {second}
        assert [info.handle for info in api.for_user(1)] == [second]
        assert ended == [event(first, "ended")]

    def test_a_request_that_has_read_it_fails_to_save(self, api):
        holder = as_spoken(api, api.create(data=ADA))
        api.end(holder.subject.handle)
        holder.update({"late": True})
        with pytest.raises(SessionGone):
            holder.save()
        assert api.count() == 0

    def test_the_reason_is_the_callers_own(self, quick, clock, ended):
        (handle,) = tokens(quick, 1, clock, **ADA)
        quick.end(handle, reason="stolen")
        assert ended == [event(handle, "stolen")]

    def test_the_reason_is_a_keyword_argument(self, quick):
        for end in (quick.end, quick.end_matching, quick.log_out_everywhere):
            with pytest.raises(TypeError):
                end("user", 1, None, "a reason")


class TestLogOutEverywhere:
    def test_all_but_the_kept_one(self, api, clock, ended):
        first, second, third = tokens(api, 3, clock, **ADA)
        others = {*tokens(api, 1, clock, **GRACE), *tokens(api, 1, clock)}
        assert api.log_out_everywhere(1, keep=second) == 2
        assert remaining(api) == {second, *others}
        assert by_handle(ended) == by_handle(
            [event(first, "logged_out_everywhere"), event(third, "logged_out_everywhere")]
        )
        assert api.log_out_everywhere(1) == 1
        assert (api.for_user(1), api.log_out_everywhere(1)) == ([], 0)
        assert remaining(api) == others

    def test_keep_may_be_a_session_object(self, quick, clock):
        holder = quick.create(data=ADA)
        tokens(quick, 2, clock, **ADA)
        assert quick.log_out_everywhere(1, keep=holder) == 2
        assert remaining(quick) == {holder.handle}

    def test_keep_follows_a_new_key(self, quick, clock):
        holder = quick.create(data=ADA)
        tokens(quick, 2, clock, **ADA)
        holder.cycle_key()
        assert quick.log_out_everywhere(1, keep=holder) == 2
        assert remaining(quick) == {holder.handle}

    def test_keep_may_be_a_session_info(self, quick, clock):
        tokens(quick, 3, clock, **ADA)
        latest, *_ = quick.for_user(1)
        assert quick.log_out_everywhere(1, keep=latest) == 2
        assert remaining(quick) == {latest.handle}

    def test_keep_may_name_a_session_that_the_user_does_not_have(self, quick, clock):
        for keep in (None, "A" * 43, type(quick.create())(), tokens(quick, 1, clock, **GRACE)[0]):
            tokens(quick, 2, clock, **ADA)
            assert quick.log_out_everywhere(1, keep=keep) == 2
        assert quick.count() == 2

    @pytest.mark.parametrize("keep", ["", "A" * 42, 7, True, object(), b"A" * 43, ["A" * 43]])
    def test_an_invalid_keep_ends_nothing(self, quick, clock, keep):
        tokens(quick, 2, clock, **ADA)
        calls = (
            lambda: quick.log_out_everywhere(1, keep=keep),
            lambda: quick.end_matching("user", 1, keep=keep),
        )
        for call in calls:
            with pytest.raises(ValueError, match=r"as request\.session, or by its handle"):
                call()
        assert quick.count() == 2

    def test_a_key_is_refused_and_not_shown(self, quick, clock):
        """Keeping a key by mistake would end the very session that is to be kept."""
        key = quick.create(data=ADA).session_key
        with pytest.raises(ValueError, match="handle") as error:
            quick.log_out_everywhere(1, keep=key)
        assert key not in str(error.value)
        assert keys.hash_key(key) in remaining(quick)

    def test_expired_sessions_are_not_counted_and_not_announced(self, quick, clock, ended):
        quick.create(data=ADA, expires_in=60)
        clock.advance(minutes=2)
        assert quick.log_out_everywhere(1) == 0
        assert ended == []


class TestEndMatching:
    def test_by_any_reference(self, api, settings, clock, ended):
        settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
        first, kept = tokens(api, 2, clock, org_id=7, **ADA)
        (other,) = tokens(api, 1, clock, org_id=8, **ADA)
        assert api.end_matching("org", 7, keep=kept, reason="org_closed") == 1
        references = {"user": "1", "org": "7"}
        assert ended == [{**event(first, "org_closed"), "references": references}]
        assert {info.handle for info in api.for_user(1)} == {kept, other}
        assert api.end_matching("user", "1") == 2
        assert (api.find("org", 7), api.find("org", 8)) == ([], [])

    def test_more_than_a_batch(self, quick, clock):
        handles = tokens(quick, 250, clock, **ADA)
        assert quick.end_matching("user", 1, keep=handles[7]) == 249
        assert remaining(quick) == {handles[7]}

    def test_the_default_reason_is_that_of_end(self, quick, clock, ended):
        (handle,) = tokens(quick, 1, clock, **ADA)
        quick.end_matching("user", 1)
        assert ended == [event(handle, "ended")]

    @pytest.mark.parametrize("value", [None, ""])
    def test_sessions_of_nobody_cannot_be_ended(self, quick, clock, value):
        tokens(quick, 2, clock)
        tokens(quick, 2, clock, _auth_user_id="")
        for function in (quick.end_matching, quick.find):
            with pytest.raises(ValueError, match="'user' needs a value"):
                function("user", value)
        assert quick.count() == 4

    @pytest.mark.parametrize("value", [[1], {"id": 1}, {1}, b"1", "x" * 256, "1\0"])
    def test_a_value_that_cannot_be_a_reference_is_refused(self, quick, clock, value):
        tokens(quick, 1, clock, **ADA)
        for function in (quick.end_matching, quick.find):
            with pytest.raises(ValueError, match="'user' must"):
                function("user", value)
        assert quick.count() == 1


class TestClear:
    def test_all_sessions_end_without_session_ended(self, api, clock, ended):
        tokens(api, 2, clock, **ADA)
        tokens(api, 1, clock)
        assert api.clear() == 3
        assert (api.count(), api.for_user(1), ended) == (0, [], [])


class TestSignals:
    ENDINGS = {
        "end": lambda api, handle: api.end(handle),
        "log_out_everywhere": lambda api, handle: api.log_out_everywhere(1),
        "end_matching": lambda api, handle: api.end_matching("user", 1),
        "SessionInfo.end": lambda api, handle: as_spoken(api, api.get(handle)).end(),
    }

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_a_broken_receiver_breaks_nothing_and_is_logged(self, quick, clock, caplog, ending):
        handles = tokens(quick, 1, clock, **ADA)
        with failing(signals.session_ended):
            assert self.ENDINGS[ending](quick, handles[0]) == 1
        assert quick.count() == 0
        assert "a broken receiver" in caplog.text

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_the_sender_is_the_engines_store(self, quick, clock, ending):
        senders = []

        def receive(sender, **arguments):
            senders.append(sender)

        handles = tokens(quick, 1, clock, **ADA)
        signals.session_ended.connect(receive)
        try:
            self.ENDINGS[ending](quick, handles[0])
        finally:
            signals.session_ended.disconnect(receive)
        assert senders == [type(quick.create())]

    def test_a_receiver_that_fails_does_not_keep_others_from_receiving(self, quick, clock, caplog):
        handles = tokens(quick, 3, clock, **ADA)
        with failing(signals.session_ended), hearing(signals.session_ended) as events:
            assert quick.log_out_everywhere(1) == 3
        assert {event["handle"] for event in events} == {*handles}

    def test_a_receiver_may_be_a_coroutine(self, quick, clock):
        received = []

        async def receive(handle, **arguments):
            received.append(handle)

        handles = tokens(quick, 2, clock, **ADA)
        signals.session_ended.connect(receive)
        try:
            quick.log_out_everywhere(1)
        finally:
            signals.session_ended.disconnect(receive)
        assert sorted(received) == sorted(handles)

    def test_a_receiver_may_use_sessions_itself(self, quick, clock, dialect):
        """This one ends the user's other sessions. Each session is ended and announced once."""
        tokens(quick, 3, clock, **ADA)

        def receive(references, **arguments):
            if references:
                sessions.log_out_everywhere(references["user"])

        signals.session_ended.connect(receive)
        try:
            with hearing(signals.session_ended) as events:
                quick.end(quick.for_user(1)[0].handle)
        finally:
            signals.session_ended.disconnect(receive)
        assert (len(events), quick.count()) == (3, 0)


def event(handle, reason):
    """Return the arguments of `session_ended` for a session of user 1."""
    return {"handle": handle, "references": {"user": "1"}, "reason": reason, "successor": None}


def by_handle(events):
    """Return handle -> arguments, to compare events in any order."""
    return {event["handle"]: event for event in events}
