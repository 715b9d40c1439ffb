"""`SessionInfo`: a session as lists and administrators see it."""

from __future__ import annotations

import logging
import pickle
from copy import deepcopy
from dataclasses import FrozenInstanceError, fields

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from django_multisession import sessions, signals
from django_multisession.core.record import Change
from support.project import as_spoken, hearing
from support.user_agents import FIREFOX

ADA = {"_auth_user_id": "1"}


@pytest.fixture
def info(quick):
    """The info of a session of user 1 in Firefox."""
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_USER_AGENT=FIREFOX)
    return quick.get(quick.create(data={**ADA, "note": "private"}, request=request).handle)


class TestAttributes:
    def test_the_client_in_words(self, info):
        assert (info.ip, info.user_agent, info.device) == ("192.0.2.1", FIREFOX, "Firefox on Linux")

    def test_the_user(self, quick, info):
        assert info.user_id == "1"
        assert quick.get(quick.create().handle).user_id is None

    def test_nothing_can_be_assigned(self, info):
        for field in fields(info):
            with pytest.raises(FrozenInstanceError):
                setattr(info, field.name, None)
        with pytest.raises((AttributeError, TypeError)):
            info.note = "mine"

    def test_the_repr_has_no_data_and_no_class(self, info):
        assert info.handle in repr(info)
        assert "private" not in repr(info)
        assert "store" not in repr(info)

    def test_two_infos_of_one_session_are_equal(self, quick, info, clock):
        again = quick.get(info.handle)
        assert again == info
        assert quick.get(quick.create().handle) != info

    def test_infos_can_be_members_of_sets(self, quick, info):
        assert {*quick.for_user(1)} - {info} == set()

    def test_it_shows_the_session_as_it_was_when_it_was_read(self, quick, info, clock):
        clock.advance(minutes=5)
        holder = quick.create(data=ADA)
        assert info.last_seen_at < quick.get(holder.handle).last_seen_at

    def test_it_can_be_kept_in_a_cache(self, info):
        again = pickle.loads(pickle.dumps(info))
        assert again == info == deepcopy(info)
        assert again.data()["note"] == "private"


class TestIsCurrent:
    def test_of_the_request_and_of_no_other(self, quick, info):
        request = RequestFactory().get("/")
        request.session = quick.create()
        mine = quick.get(request.session.handle)
        assert mine.is_current(request) is True
        assert info.is_current(request) is False

    def test_of_a_request_that_has_not_read_its_session(self, quick):
        holder = quick.create()
        request = RequestFactory().get("/")
        request.session = type(holder)(holder.session_key)
        assert quick.get(holder.handle).is_current(request) is True

    def test_of_a_request_without_a_session(self, info):
        request = HttpRequest()
        assert info.is_current(request) is False
        request.session = {}
        assert info.is_current(request) is False
        assert info.is_current(None) is False

    def test_of_a_visitor_who_has_none_yet(self, quick, info):
        request = HttpRequest()
        request.session = type(quick.create())()
        assert info.is_current(request) is False


class TestEnd:
    def test_once_and_with_a_reason(self, api):
        holder = api.create(data=ADA)
        info = as_spoken(api, api.get(holder.handle))
        with hearing(signals.session_ended) as events:
            assert (info.end(reason="stolen"), info.end()) == (True, False)
        arguments = {"references": {"user": "1"}, "reason": "stolen", "successor": None}
        assert events == [{"handle": holder.handle, **arguments}]
        assert api.get(holder.handle) is None

    def test_the_default_reason_is_that_of_end(self, quick, info):
        with hearing(signals.session_ended) as events:
            as_spoken(quick, info).end()
        assert events[0]["reason"] == "ended"

    def test_the_signal_has_the_references_that_are_stored_now(self, quick):
        holder = quick.create(data=ADA)
        info = quick.get(holder.handle)
        holder["_auth_user_id"] = "2"
        holder.save()
        with hearing(signals.session_ended) as events:
            as_spoken(quick, info).end()
        assert events[0]["references"] == {"user": "2"}


class TestData:
    def test_it_is_decoded(self, api):
        data = {**ADA, "cart": [1, {"a": None}], "\u00fc": "\U0001f36a", "": 1}
        info = api.get(api.create(data=data).handle)
        assert as_spoken(api, info).data() == data

    def test_it_is_read_again_each_time(self, quick, info):
        quick.create()
        info.store.storage.update(info.handle, Change(set={"note": b'"new"'}, unset=["a"]))
        assert as_spoken(quick, info).data() == {**ADA, "note": "new"}

    def test_changing_it_changes_nothing(self, quick, info):
        data = as_spoken(quick, info).data()
        data["_auth_user_id"] = "2"
        assert as_spoken(quick, info).data()["_auth_user_id"] == "1"

    @pytest.mark.parametrize("bad", [b"", b"{", b"~x", b"\xff"])
    def test_a_corrupt_field_is_left_out_and_logged_once(self, quick, info, caplog, bad):
        info.store.storage.update(info.handle, Change(set={"bad": bad}))
        caplog.clear()
        with caplog.at_level(logging.WARNING, "django.security.SuspiciousSession"):
            assert as_spoken(quick, info).data() == {**ADA, "note": "private"}
        (record,) = caplog.records
        assert record.getMessage() == f"Field 'bad' of session {info.handle} is corrupt"

    def test_of_an_ended_session(self, quick, info):
        quick.end(info.handle)
        assert as_spoken(quick, info).data() == {}

    def test_of_an_expired_session(self, quick, info, clock):
        clock.advance(days=15)
        assert as_spoken(quick, info).data() == {}

    def test_of_a_session_that_has_another_key_now(self, quick):
        holder = quick.create(data=ADA)
        info = quick.get(holder.handle)
        holder.cycle_key()
        assert as_spoken(quick, info).data() == {}


def test_it_belongs_to_the_engine_that_read_it(info, settings):
    """A later change of SESSION_ENGINE does not matter."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    assert info.data()["note"] == "private"
    assert info.end() is True


def test_it_is_part_of_the_public_api():
    assert sessions.SessionInfo.__module__ == "django_multisession.sessions.info"
