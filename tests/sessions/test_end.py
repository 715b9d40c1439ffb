"""Ending sessions: one, those of a user, those of a reference, all; and what is told of it."""

from __future__ import annotations

import pytest

from django_multisession import sessions, signals
from django_multisession.core import keys
from django_multisession.session import SessionGone
from support.project import as_spoken, failing, hearing, tokens

ADA, GRACE = {"_auth_user_id": "1"}, {"_auth_user_id": "2"}


@pytest.fixture
def ended():
    """What the signal tells."""
    with hearing(signals.session_ended) as told:
        yield told


def remaining(api):
    return {info.handle for info in api.all()}


class TestEnd:
    def test_one_is_ended_once(self, api, clock, ended):
        first, second = tokens(api, 2, clock, **ADA)
        assert [api.end(first), api.end(first), api.end("A" * 43)] == [True, False, False]
        assert remaining(api) == {second}
        assert [info.handle for info in api.for_user(1)] == [second]
        assert ended == [told(first, "ended")]

    def test_whoever_holds_it_fails_to_save(self, api):
        holder = as_spoken(api, api.create(data=ADA))
        api.end(holder.subject.handle)
        holder.update({"late": True})
        with pytest.raises(SessionGone):
            holder.save()
        assert api.count() == 0

    def test_the_reason_is_the_callers_own(self, quick, clock, ended):
        (handle,) = tokens(quick, 1, clock, **ADA)
        quick.end(handle, reason="stolen")
        assert ended == [told(handle, "stolen")]

    def test_reasons_are_named(self, quick):
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
            [told(first, "logged_out_everywhere"), told(third, "logged_out_everywhere")]
        )
        assert api.log_out_everywhere(1) == 1
        assert (api.for_user(1), api.log_out_everywhere(1)) == ([], 0)
        assert remaining(api) == others

    def test_a_session_is_kept_by_itself(self, quick, clock):
        holder = quick.create(data=ADA)
        tokens(quick, 2, clock, **ADA)
        assert quick.log_out_everywhere(1, keep=holder) == 2
        assert remaining(quick) == {holder.handle}

    def test_it_is_kept_under_its_new_key(self, quick, clock):
        holder = quick.create(data=ADA)
        tokens(quick, 2, clock, **ADA)
        holder.cycle_key()
        assert quick.log_out_everywhere(1, keep=holder) == 2
        assert remaining(quick) == {holder.handle}

    def test_it_is_kept_as_it_was_found(self, quick, clock):
        tokens(quick, 3, clock, **ADA)
        latest, *_ = quick.for_user(1)
        assert quick.log_out_everywhere(1, keep=latest) == 2
        assert remaining(quick) == {latest.handle}

    def test_to_keep_what_is_not_there_keeps_nothing(self, quick, clock):
        for keep in (None, "A" * 43, type(quick.create())(), tokens(quick, 1, clock, **GRACE)[0]):
            tokens(quick, 2, clock, **ADA)
            assert quick.log_out_everywhere(1, keep=keep) == 2
        assert quick.count() == 2

    @pytest.mark.parametrize("keep", ["", "A" * 42, 7, True, object(), b"A" * 43, ["A" * 43]])
    def test_what_names_no_session_ends_none(self, quick, clock, keep):
        tokens(quick, 2, clock, **ADA)
        for end in (lambda: quick.log_out_everywhere(1, keep=keep), lambda: found(quick, keep)):
            with pytest.raises(ValueError, match=r"as request\.session, or by its handle"):
                end()
        assert quick.count() == 2

    def test_a_key_is_refused_and_not_shown(self, quick, clock):
        """Who mixes them up would log out the very session that is to be kept."""
        key = quick.create(data=ADA).session_key
        with pytest.raises(ValueError, match="handle") as error:
            quick.log_out_everywhere(1, keep=key)
        assert key not in str(error.value)
        assert keys.hash_key(key) in remaining(quick)

    def test_those_that_are_over_are_not_counted_and_not_told(self, quick, clock, ended):
        quick.create(data=ADA, expires_in=60)
        clock.advance(minutes=2)
        assert quick.log_out_everywhere(1) == 0
        assert ended == []


def found(quick, keep):
    return quick.end_matching("user", 1, keep=keep)


class TestEndFound:
    def test_by_any_reference(self, api, settings, clock, ended):
        settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
        first, kept = tokens(api, 2, clock, org_id=7, **ADA)
        (other,) = tokens(api, 1, clock, org_id=8, **ADA)
        assert api.end_matching("org", 7, keep=kept, reason="org_closed") == 1
        facts = {**told(first, "org_closed"), "references": {"user": "1", "org": "7"}}
        assert ended == [facts]
        assert {info.handle for info in api.for_user(1)} == {kept, other}
        assert api.end_matching("user", "1") == 2
        assert (api.find("org", 7), api.find("org", 8)) == ([], [])

    def test_more_than_a_batch(self, quick, clock):
        handles = tokens(quick, 250, clock, **ADA)
        assert quick.end_matching("user", 1, keep=handles[7]) == 249
        assert remaining(quick) == {handles[7]}

    def test_its_reason_is_as_for_one(self, quick, clock, ended):
        (handle,) = tokens(quick, 1, clock, **ADA)
        quick.end_matching("user", 1)
        assert ended == [told(handle, "ended")]

    @pytest.mark.parametrize("value", [None, ""])
    def test_nobodys_are_not_to_be_ended(self, quick, clock, value):
        tokens(quick, 2, clock)
        tokens(quick, 2, clock, _auth_user_id="")
        for use in (quick.end_matching, quick.find):
            with pytest.raises(ValueError, match="'user' needs a value"):
                use("user", value)
        assert quick.count() == 4

    @pytest.mark.parametrize("value", [[1], {"id": 1}, {1}, b"1", "x" * 256, "1\0"])
    def test_a_value_that_cannot_be_a_reference_is_refused(self, quick, clock, value):
        tokens(quick, 1, clock, **ADA)
        for use in (quick.end_matching, quick.find):
            with pytest.raises(ValueError, match="'user' must"):
                use("user", value)
        assert quick.count() == 1


class TestClear:
    def test_everybodys_and_silently(self, api, clock, ended):
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

        def receive(sender, **facts):
            senders.append(sender)

        handles = tokens(quick, 1, clock, **ADA)
        signals.session_ended.connect(receive)
        try:
            self.ENDINGS[ending](quick, handles[0])
        finally:
            signals.session_ended.disconnect(receive)
        assert senders == [type(quick.create())]

    def test_one_receiver_that_fails_leaves_the_others_to_be_told(self, quick, clock, caplog):
        handles = tokens(quick, 3, clock, **ADA)
        with failing(signals.session_ended), hearing(signals.session_ended) as told:
            assert quick.log_out_everywhere(1) == 3
        assert {facts["handle"] for facts in told} == {*handles}

    def test_a_receiver_may_be_a_coroutine(self, quick, clock):
        heard = []

        async def receive(handle, **facts):
            heard.append(handle)

        handles = tokens(quick, 2, clock, **ADA)
        signals.session_ended.connect(receive)
        try:
            quick.log_out_everywhere(1)
        finally:
            signals.session_ended.disconnect(receive)
        assert sorted(heard) == sorted(handles)

    def test_a_receiver_may_use_sessions_itself(self, quick, clock, dialect):
        """Here, to end what is left of the user: each is ended once, and told of once."""
        tokens(quick, 3, clock, **ADA)

        def receive(references, **facts):
            if references:
                sessions.log_out_everywhere(references["user"])

        signals.session_ended.connect(receive)
        try:
            with hearing(signals.session_ended) as told:
                quick.end(quick.for_user(1)[0].handle)
        finally:
            signals.session_ended.disconnect(receive)
        assert (len(told), quick.count()) == (3, 0)


def told(handle, reason):
    facts = {"references": {"user": "1"}, "reason": reason, "successor": None}
    return {"handle": handle, **facts}


def by_handle(facts):
    return {each["handle"]: each for each in facts}
