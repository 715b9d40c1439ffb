"""Requests that the devices API refuses: anonymous ones, and those for other users' devices."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from django_multisession.core import keys
from support.api_clients import Caller, error, opened
from support.auth_worlds import OURS, USER
from support.bearers import CSRF

BY = pytest.mark.parametrize("by", ["cookie", "token"])
SOME = "A" * 43
CALLS = [
    ("get", "/", None),
    ("get", f"/{SOME}/", None),
    ("patch", f"/{SOME}/", {"label": "x"}),
    ("delete", f"/{SOME}/", None),
    ("post", "/end-others/", None),
    ("post", "/confirm/", {"password": "demo"}),
]
EACH = pytest.mark.parametrize(("method", "path", "body"), CALLS)
WRITES = [call for call in CALLS if call[0] != "get"]


@pytest.fixture
def stored_site(storage, databases, settings, monkeypatch):
    with opened(storage, settings, monkeypatch) as it:
        yield it


# Handles


def answers(caller, handle):
    """Return the responses to every method for this handle."""
    calls = [("get", None), ("patch", {"label": "mine now"}), ("delete", None)]
    return [caller.call(method, f"/{handle}/", body) for method, body in calls]


@BY
def test_another_users_device_is_as_unknown_as_one_that_never_was(stored_site, by):
    site = stored_site
    site.by = by
    mine, foreign = site.caller(site.ada), site.caller(site.grace)
    before = sessions.get(foreign.own)
    nobodys = sessions.create().handle
    unknown = answers(mine, SOME)
    assert [response.status_code for response in unknown] == [404] * 3
    for handle in (foreign.own, nobodys, keys.new_handle()):
        responses = answers(mine, handle)
        assert [response.content for response in responses] == [each.content for each in unknown]
    assert sessions.get(foreign.own) == before
    assert sessions.get(nobodys) is not None


NONSENSE = ["x", "A" * 42, "A" * 44, "a" * 32, "%00" * 43, "%F0%9F%8D%AA", "..", "A" * 42 + "%0A"]


@pytest.mark.parametrize("handle", [*NONSENSE, "end_others", "'--", "A" * 5000])
def test_what_is_no_handle_is_not_found_either(site, handle):
    mine = site.caller(site.ada)
    unknown = answers(mine, SOME)
    responses = answers(mine, handle)
    assert [response.status_code for response in responses] == [404] * 3
    assert [response.content for response in responses] == [each.content for each in unknown]
    assert mine.listed()


# People


def assert_asks_to_sign_in(response, word="not_authenticated"):
    assert (response.status_code, error(response)) == (401, word)
    assert response["WWW-Authenticate"].startswith('Bearer realm="sessions"')


@EACH
def test_nobody_is_asked_to_sign_in(site, method, path, body):
    visitor, nobodys = site.caller(), Caller(site.world.handler, sessions.create().session_key)
    for caller in (visitor, nobodys):
        assert_asks_to_sign_in(caller.call(method, path, body))


@EACH
def test_whose_token_has_ended_is_told(site, method, path, body):
    caller = Caller(site.world.handler, keys.new_key())
    assert_asks_to_sign_in(caller.call(method, path, body), "invalid_token")


@EACH
def test_whose_cookie_has_ended_is_asked_to_sign_in(site, method, path, body):
    caller = site.caller(site.ada)
    sessions.log_out_everywhere(site.ada)
    assert_asks_to_sign_in(caller.call(method, path, body))


@EACH
def test_a_malformed_header_is_a_bad_request(site, method, path, body):
    site.by = "token"
    caller = site.caller(site.ada)
    response = caller.call(method, path, body, authorization=f"Bearer {caller.token},")
    assert (response.status_code, error(response)) == (400, "invalid_request")


@BY
def test_a_user_who_is_deactivated_is_out(site, by):
    site.by = by
    caller = site.caller(site.ada)
    site.ada.is_active = False
    site.ada.save()
    assert caller.call("get", "/").status_code == 401


def test_without_the_middleware_for_it_a_token_is_nobodys(site, settings):
    settings.MIDDLEWARE = [OURS, CSRF, USER]
    site.by = "token"
    for method, path, body in WRITES:
        response = site.caller(site.ada).call(method, path, body)
        assert_asks_to_sign_in(response)
