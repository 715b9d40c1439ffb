"""Shared caches between clients with cookies, with tokens and with neither."""

from __future__ import annotations

from itertools import permutations
from uuid import uuid4

import pytest

from django_multisession import sessions
from support.auth_worlds import USER
from support.bearers import BEARER, assert_refused, bearer

pytestmark = pytest.mark.thorough  # independent of Python and Django versions

CACHED = ["django.middleware.cache.UpdateCacheMiddleware"]
CACHING = ["django.middleware.cache.FetchFromCacheMiddleware"]


@pytest.fixture
def cached_token_site(token_site, settings):
    settings.MIDDLEWARE = [*CACHED, BEARER, USER, *CACHING]
    settings.CACHE_MIDDLEWARE_KEY_PREFIX = str(uuid4())
    return token_site


@pytest.fixture
def people(cached_token_site):
    """Return kind of client -> the client and the user that it must see."""
    return {
        "cookie": (cached_token_site.browser("ada"), "ada"),
        "token": (bearer(cached_token_site, cached_token_site.grace), "grace"),
        "other token": (bearer(cached_token_site, cached_token_site.ada), "ada"),
        "token of nobody": (bearer(cached_token_site), ""),
        "nobody": (cached_token_site.browser(), ""),
    }


@pytest.mark.parametrize("order", [*permutations(["cookie", "token", "nobody"])])
def test_everybody_sees_their_own_page(cached_token_site, people, order):
    for who in [*order, *people, *order]:
        browser, name = people[who]
        assert browser.user == name


@pytest.mark.parametrize("who", ["cookie", "token"])
def test_and_sees_it_from_the_cache(cached_token_site, people, who):
    """A control for the test above: the cache does answer."""
    browser, name = people[who]
    assert browser.user == name
    user = {"ada": cached_token_site.ada, "grace": cached_token_site.grace}[name]
    user.username = f"no longer {name}"
    user.save()
    assert browser.user == name
    user.username = name
    user.save()


def test_a_token_that_ended_is_shown_no_page(cached_token_site, people):
    script, name = people["token"]
    assert script.user == name
    sessions.end(script.handle)
    assert_refused(script.get("/who/"))


def test_a_refusal_is_kept_for_nobody(cached_token_site, people):
    script, _ = people["token"]
    sessions.end(script.handle)
    for _ in range(2):
        assert_refused(script.get("/who/"))
    assert [people[who][0].user for who in ("cookie", "nobody")] == ["ada", ""]


# Headers for caches


@pytest.fixture
def plain(cached_token_site, settings):
    settings.MIDDLEWARE = [BEARER, USER]
    return cached_token_site


def varies(response):
    return {*response.headers.get("Vary", "").split(", ")} - {""}


def test_with_a_token_every_answer_varies(plain):
    script = bearer(plain, plain.ada)
    assert "Authorization" in varies(script.get("/who/"))
    assert "Authorization" in varies(script.run(lambda request: "nothing of the session"))
    assert "Authorization" in varies(script.get("/nowhere/"))


def test_without_one_those_that_looked_at_the_session_do(plain):
    for browser in (plain.browser(), plain.browser("ada")):
        assert varies(browser.get("/who/")) == {"Cookie", "Authorization"}
        assert varies(browser.run(lambda request: "nothing of the session")) == set()


def test_a_cookie_that_is_sent_varies_too(plain):
    response = plain.browser().log_in("ada")
    assert {"Cookie", "Authorization"} <= varies(response)
