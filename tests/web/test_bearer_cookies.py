"""Bearer tokens and cookies: a session cookie takes precedence, and token clients get no cookie."""

from __future__ import annotations

import pytest
from django.middleware.csrf import get_token

from django_multisession import sessions
from django_multisession.core import keys
from support.auth_pages import achange, change
from support.auth_worlds import USER
from support.bearers import BEARER, CSRF, Bearer, bearer, with_token


def both(token_site, cookie, token):
    """Return a client that sends a cookie and a Bearer header."""
    it = with_token(token_site, token)
    it.client.cookies["sessionid"] = cookie
    return it


@pytest.fixture
def tokens(token_site):
    """Return valid and invalid tokens."""
    return [bearer(token_site, token_site.grace).token, keys.new_key(), "", "A" * 99, "a b", "a,b"]


def test_with_a_cookie_the_header_is_ignored(token_site, tokens):
    cookie = token_site.browser("ada").key
    for token in tokens:
        assert both(token_site, cookie, token).user == "ada"


def test_with_a_dead_cookie_too(token_site, tokens):
    for cookie in (keys.new_key(), "", "nonsense"):
        for token in tokens:
            assert both(token_site, cookie, token).user == ""


def test_the_cookie_is_the_one_of_the_settings(token_site, settings):
    settings.SESSION_COOKIE_NAME = "other"
    script = bearer(token_site, token_site.ada)
    script.client.cookies["sessionid"] = token_site.browser("grace").key or keys.new_key()
    assert script.get("/who/").content == b"ada"
    script.client.cookies["other"] = keys.new_key()
    assert script.get("/who/").content == b""


def test_other_cookies_do_not_matter(token_site):
    script = bearer(token_site, token_site.ada)
    script.client.cookies["csrftoken"] = "a" * 32
    assert script.user == "ada"


def test_a_browser_beside_a_header_is_sent_its_cookie(token_site):
    """A client with a cookie gets its new key as a cookie only."""
    browser = both(token_site, token_site.browser("ada").key, keys.new_key())
    response = browser.run(lambda request: request.session.cycle_key())
    assert response.cookies["sessionid"].value == browser.key
    assert "Session-Token" not in response.headers
    assert browser.user == "ada"


# Token clients get no cookie: `Bearer` checks that in every response


def fill(request):
    request.session["cart"] = [1]


async def afill(request):
    await request.session.aset("cart", [1])


def empty(request):
    request.session.flush()


def rotate(request):
    request.session.cycle_key()


def later(request):
    request.session.set_expiry(60)


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("script", [fill, afill, empty, rotate, later, change, achange, None])
def test_whatever_a_view_does(token_site, settings, clock, script, every):
    settings.SESSION_SAVE_EVERY_REQUEST = every
    it = bearer(token_site, token_site.ada)
    clock.advance(hours=1)
    response = it.run(script) if script else it.get("/who/")
    assert "sessionid" not in response.cookies
    is_new = script in (rotate, change, achange)
    assert ("Session-Token" in response.headers) is is_new
    assert it.get("/who/").status_code == (401 if script is empty else 200)


@pytest.mark.parametrize("every", [True, False])
def test_a_new_key_before_an_error(token_site, settings, every):
    """The new key is sent even with an error; otherwise it would be lost."""
    settings.SESSION_SAVE_EVERY_REQUEST = every

    def view(request):
        request.session.cycle_key()
        raise RuntimeError

    script = bearer(token_site, token_site.ada)
    old = script.token
    response = script.run(view, status=500)
    assert "sessionid" not in response.cookies
    assert response["Session-Token"] == script.token != old
    assert script.user == "ada"


def test_an_error_without_a_new_key_tells_none_and_saves_nothing(token_site):
    def view(request):
        request.session["cart"] = [1]
        raise RuntimeError

    script = bearer(token_site, token_site.ada)
    assert "Session-Token" not in script.run(view, status=500).headers
    assert "cart" not in sessions.get(script.handle).data()


def test_a_new_token_is_kept_in_no_cache(token_site):
    response = bearer(token_site, token_site.ada).run(rotate)
    assert {"no-store", "private"} <= {*response["Cache-Control"].replace(",", " ").split()}
    assert "Authorization" in response["Vary"]


def test_other_cookies_are_sent(token_site, settings):
    settings.MIDDLEWARE = [BEARER, CSRF, USER]
    assert [*bearer(token_site, token_site.ada).run(get_token).cookies] == ["csrftoken"]


# CSRF


@pytest.fixture
def strict(token_site, settings):
    """Return a function that returns a client with this token whose CSRF token is checked."""
    settings.MIDDLEWARE = [BEARER, CSRF, USER]
    return lambda token: Bearer(token_site.handler, token, enforce_csrf_checks=True)


def test_a_post_with_a_token_needs_no_csrf_token(token_site, strict):
    script = strict(bearer(token_site, token_site.ada).token)
    assert script.run(lambda request: request.user.get_username()).content == b"ada"


def test_a_post_with_a_cookie_needs_one(token_site, strict):
    called = []
    for token in (bearer(token_site, token_site.ada).token, keys.new_key(), "", "A" * 43):
        browser = strict(token)
        browser.client.cookies["sessionid"] = sessions.create(token_site.ada).session_key
        browser.run(called.append, status=403)
    assert called == []


def test_a_post_with_a_dead_cookie_and_a_good_token_needs_one(token_site, strict):
    """Another site could not send the header, but every session cookie requires the CSRF check."""
    browser = strict(bearer(token_site, token_site.ada).token)
    browser.client.cookies["sessionid"] = "dead"
    browser.run(fill, status=403)


def test_a_post_with_neither_needs_one(token_site, strict):
    nobody = strict("")
    response = nobody.send("post", "/run/", {}, authorization="Basic YTpi")
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("token", "status"), [("x" * 32, 401), ("A" * 43, 401), ("", 400), ("a b", 400)]
)
def test_a_post_with_a_bad_token_reaches_no_view(token_site, strict, token, status):
    called = []
    strict(token).run(called.append, status=status)
    assert called == []


def test_csrf_tokens_may_be_kept_in_sessions(token_site, strict, settings):
    settings.CSRF_USE_SESSIONS = True
    script = strict(bearer(token_site, token_site.ada).token)
    assert script.run(fill).status_code == 200
    assert script.user == "ada"
