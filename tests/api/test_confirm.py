"""Confirmation in the devices API: signing out devices needs a recent authentication."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in, user_login_failed

from django_multisession import sessions
from support.api_clients import error
from support.auth_pages import MODEL_BACKEND
from support.auth_worlds import PASSWORD
from support.project import hearing

pytestmark = pytest.mark.thorough  # independent of Python and Django versions

RIGHT, WRONG = {"password": PASSWORD}, {"password": "wrong"}


@pytest.fixture
def others(site_by_each):
    """Return the handle of another device of ada."""
    return site_by_each.caller(site_by_each.ada).own


@pytest.fixture
def mine(site_by_each, others, clock):
    """Return a caller that signed in more than 15 minutes ago."""
    it = site_by_each.caller(site_by_each.ada)
    clock.advance(seconds=901)
    return it


def assert_asks(mine, others):
    for response in (mine.call("delete", f"/{others}/"), mine.call("post", "/end-others/")):
        assert (response.status_code, error(response)) == (403, "unconfirmed")
        assert "confirm/" in response.json()["detail"]
    assert sessions.get(others) is not None


def test_it_is_asked_for(mine, others):
    assert_asks(mine, others)


@pytest.mark.parametrize(("age", "status"), [(898, 204), (901, 403)])
def test_within_the_time_it_is_not(site_by_each, others, clock, age, status):
    mine = site_by_each.caller(site_by_each.ada)
    clock.advance(seconds=age)
    assert mine.call("delete", f"/{others}/").status_code == status


def test_the_right_one_is_enough_for_a_while(mine, others, clock):
    before = mine.own
    assert mine.call("post", "/confirm/", RIGHT).status_code == 204
    assert mine.own != before
    assert sessions.get(before) is None
    clock.advance(seconds=890)
    assert mine.call("delete", f"/{others}/").status_code == 204
    assert mine.call("post", "/end-others/").json() == {"ended": 0}
    clock.advance(seconds=20)
    assert mine.call("post", "/end-others/").status_code == 403


def test_it_is_the_same_session(mine):
    mine.call("patch", f"/{mine.own}/", {"label": "Kitchen"})
    begun = mine.listed()[0]["created_at"]
    mine.call("post", "/confirm/", RIGHT)
    (device, _) = mine.listed()
    assert (device["label"], device["created_at"]) == ("Kitchen", begun)
    assert device["is_current"]


def test_a_wrong_one_is_not(mine, others):
    before = mine.own
    with hearing(user_login_failed) as failed:
        response = mine.call("post", "/confirm/", WRONG)
    assert (response.status_code, error(response)) == (403, "wrong_password")
    assert [facts["credentials"]["username"] for facts in failed] == ["ada"]
    assert "wrong" not in repr(failed[0]["credentials"])
    assert mine.own == before
    assert_asks(mine, others)


def test_anothers_is_not(site_by_each, mine, others):
    site_by_each.grace.set_password("of grace")
    site_by_each.grace.save()
    assert mine.call("post", "/confirm/", {"password": "of grace"}).status_code == 403
    assert_asks(mine, others)


class Confused(ModelBackend):
    """An authentication backend that returns grace for any password."""

    def authenticate(self, request, **credentials):
        return get_user_model()._default_manager.get(username="grace")


def test_to_be_somebody_else_is_not(mine, others, settings):
    settings.AUTHENTICATION_BACKENDS = [MODEL_BACKEND, f"{__name__}.Confused"]
    assert mine.call("post", "/confirm/", WRONG).status_code == 403
    assert_asks(mine, others)


def test_who_has_none_cannot(site_by_each, mine, others):
    site_by_each.ada.__class__._default_manager.filter(pk=site_by_each.ada.pk).update(
        password="!unusable"
    )
    for password in ("", "!unusable", PASSWORD):
        assert mine.call("post", "/confirm/", {"password": password}).status_code in (401, 403)
    assert sessions.get(others) is not None


def test_to_confirm_is_no_login(mine):
    """Confirming sends no user_logged_in."""
    with hearing(user_logged_in) as sent:
        mine.call("post", "/confirm/", RIGHT)
    assert sent == []


def test_one_device_confirms_for_itself(site_by_each, mine, others, clock):
    third = site_by_each.caller(site_by_each.ada)
    clock.advance(seconds=901)
    mine.call("post", "/confirm/", RIGHT)
    assert_asks(third, others)


def test_what_ends_nothing_needs_none(mine, others):
    assert len(mine.listed()) == 2
    assert mine.call("get", f"/{others}/").status_code == 200
    assert mine.call("patch", f"/{others}/", {"label": "x"}).status_code == 200


def test_ones_own_device_needs_none(mine, others):
    assert mine.call("delete", f"/{mine.own}/").status_code == 204
    assert sessions.get(others) is not None


def test_whose_it_is_comes_first(site_by_each, mine):
    """For somebody else's device the error is 404, not a request for the password."""
    foreign = site_by_each.caller(site_by_each.grace)
    assert mine.call("delete", f"/{foreign.own}/").status_code == 404


def test_a_project_may_never_ask(mine, others, settings):
    settings.MULTISESSION_REAUTHENTICATION_TIMEOUT = None
    assert mine.call("delete", f"/{others}/").status_code == 204
    assert mine.call("post", "/end-others/").status_code == 200


def test_a_project_may_always_ask(site_by_each, others, settings):
    settings.MULTISESSION_REAUTHENTICATION_TIMEOUT = 0
    assert_asks(site_by_each.caller(site_by_each.ada), others)


def test_one_that_is_ended_meanwhile_is_not_brought_back(site_by_each, mine, monkeypatch):
    """A session that is ended during the request is not stored again, and the error is JSON."""
    rename = site_by_each.storage.rename

    def ended_first(old, *facts):
        sessions.end(old)
        return rename(old, *facts)

    handle = mine.own
    monkeypatch.setattr(site_by_each.storage, "rename", ended_first)
    response = mine.call("post", "/confirm/", RIGHT)
    assert 400 <= response.status_code < 500
    assert sessions.get(handle) is None
