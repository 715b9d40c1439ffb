"""Requests that the devices API refuses: anonymous, cross-site, and for others' devices."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from django_multisession.core import keys
from support.api_clients import Caller, error, opened
from support.auth_worlds import OURS, USER
from support.bearers import BEARER, CSRF

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
def site(memory_storage, databases, settings, monkeypatch):
    with opened(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def on_every_storage(storage, databases, settings, monkeypatch):
    with opened(storage, settings, monkeypatch) as it:
        yield it


# Handles


def answers(caller, handle):
    """Return the responses to every method for this handle."""
    calls = [("get", None), ("patch", {"label": "mine now"}), ("delete", None)]
    return [caller.call(method, f"/{handle}/", body) for method, body in calls]


@BY
def test_another_users_device_is_as_unknown_as_one_that_never_was(on_every_storage, by):
    site = on_every_storage
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


# Other sites


@pytest.fixture
def sender(site):
    """Return ada's browser as another site can use it: with the cookie, without a CSRF token."""
    mine = site.caller(site.ada)
    del mine.headers["x-csrftoken"]
    return mine


def assert_forged(response):
    assert (response.status_code, error(response)) == (403, "csrf")
    assert "X-CSRFToken" in response.json()["detail"]


@pytest.mark.parametrize("has_middleware", [True, False])
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_with_a_cookie_a_write_needs_a_csrf_token(
    site, sender, settings, method, path, body, has_middleware
):
    """The check does not depend on the project's CSRF middleware."""
    if not has_middleware:
        settings.MIDDLEWARE = [BEARER, USER]
    other = site.caller(site.ada)
    path = path.replace(SOME, other.own)
    assert_forged(sender.call(method, path, body))
    assert_forged(sender.call(method, path, body, **{"x-csrftoken": "d" * 32}))
    assert_forged(sender.call(method, path, body, authorization=f"Bearer {keys.new_key()}"))
    assert other.listed()
    assert site.world.reasons() == []


def test_with_a_cookie_a_read_needs_none(sender):
    assert sender.call("get", "/").status_code == 200


def test_of_another_origin(site):
    mine = site.caller(site.ada)
    assert_forged(mine.call("post", "/end-others/", origin="https://evil.example"))
    assert_forged(mine.call("post", "/end-others/", origin="null"))


@pytest.mark.parametrize(
    "body", [b"csrfmiddlewaretoken=" + b"d" * 32, b"a=1&" * 10**6, b"\xff%zz=&&"]
)
def test_a_form_of_another_site(sender, body):
    kind = "application/x-www-form-urlencoded"
    response = sender.call("post", "/confirm/", body, content_type=kind)
    assert response.status_code in (403, 413)


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_form_of_another_site(sender, kind):
    response = sender.call("post", "/confirm/", b"--x\r\nno form", content_type=kind)
    assert response.status_code in (400, 403)
