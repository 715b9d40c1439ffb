"""BearerSessionAuthentication in views of Django REST framework."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_multisession import sessions
from django_multisession.core import keys
from support.bearers import Bearer, bearer, with_token
from support.rest_pages import MIDDLEWARE, PAGES, opened

THOROUGH = {"none", "django"}
SITES = [pytest.param(k, marks=[pytest.mark.thorough] * (k in THOROUGH)) for k in MIDDLEWARE]


@pytest.fixture(params=SITES)
def world(request, memory_storage, databases, settings, monkeypatch):
    with opened(memory_storage, settings, monkeypatch, request.param) as it:
        yield it


def assert_challenged(response, status=401):
    assert response.status_code == status, response.content
    assert ("WWW-Authenticate" in response.headers) is (status == 401)
    assert response.headers.get("WWW-Authenticate", "Bearer").startswith("Bearer")
    assert json.loads(response.content)["detail"]
    assert response.cookies == {}


@pytest.mark.parametrize("page", PAGES)
def test_a_token_logs_in_and_the_session_is_known(world, page):
    script = bearer(world, world.ada)
    for method in ("get", "post"):
        response = script.send(method, page)
        assert response.json() == {
            "user": "ada",
            "by": "BearerSessionAuthentication",
            "session": script.handle,
        }


@pytest.mark.parametrize("page", PAGES)
def test_what_is_none_any_more_is_unauthorized(world, page):
    ended, expired = bearer(world, world.ada), bearer(world, world.ada, expires_in=60)
    sessions.end(ended.handle)
    world.storage.clock.advance(seconds=61)
    for script in (ended, expired, with_token(world, keys.new_key())):
        assert_challenged(script.get(page))
        assert_challenged(script.send("post", page))


@pytest.mark.parametrize("facts", [{"is_active": False}, {"password": "other"}])
def test_a_user_who_changed_is_unauthorized(world, facts):
    script = bearer(world, world.ada)
    get_user_model()._default_manager.filter(pk=world.ada.pk).update(**facts)
    for page in (*PAGES, "/anybody/"):
        assert_challenged(script.get(page))


def test_a_user_who_is_deleted_is_unauthorized(world):
    script = bearer(world, world.ada)
    world.ada.delete()
    assert_challenged(script.get("/members/"))


def test_who_sends_nothing_is_unauthorized(world):
    nobody = Client()
    for page in PAGES:
        assert_challenged(nobody.get(page))
    assert nobody.get("/anybody/").json() == {"user": "", "by": "NoneType", "session": None}


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer a,b"])
def test_what_is_malformed_is_a_bad_request(world, header):
    response = bearer(world).get("/members/", authorization=header)
    assert response.status_code == 400
    assert "one space, and one token" in response.json()["detail"]


@pytest.mark.parametrize("token", ["A" * 43, "x" * 7, "a.b.c", "a" * 2**16])
def test_what_is_no_token_is_unauthorized_and_reaches_no_storage(world, monkeypatch, token):
    monkeypatch.setattr(world.storage, "read", None)
    response = with_token(world, token).get("/members/")
    assert_challenged(response)
    assert token not in response.content.decode()


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x"])
def test_other_schemes_are_left_to_others(world, header):
    assert bearer(world).get("/anybody/", authorization=header).json()["user"] == ""


def test_a_token_of_nobody(world):
    script = bearer(world, data={"cart": [1]})
    answer = script.get("/anybody/").json()
    assert (answer["user"], answer["session"]) == ("", script.handle)
    for page in PAGES:
        assert_challenged(script.get(page), 403)


def test_another_secret_key_locks_nobody_out(world, settings):
    """The client gets a new token with the middleware; without it the old one stays valid."""
    script = bearer(world, world.ada)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    for _ in range(2):
        assert script.get("/members/").json()["user"] == "ada"
    settings.SECRET_KEY_FALLBACKS = []
    assert script.get("/members/").json()["user"] == "ada"


# Together with cookies


@pytest.fixture
def browser(memory_storage, databases, settings, monkeypatch):
    """Return ada's browser with grace's token, at a site without the bearer middleware."""
    with opened(memory_storage, settings, monkeypatch) as world:
        it = with_token(world, bearer(world, world.grace).token)
        it.client = Client(enforce_csrf_checks=True)
        it.client.force_login(world.ada)
        yield it


def test_with_a_cookie_it_counts_alone(browser):
    answer = browser.get("/both/").json()
    assert answer == {"user": "ada", "by": "SessionAuthentication", "session": None}
    assert browser.get("/both/", authorization="Bearer a b").json()["user"] == "ada"
    assert_challenged(browser.get("/members/"))


def test_with_a_cookie_csrf_is_checked(browser):
    assert browser.post("/both/").status_code == 403
    browser.client.cookies["csrftoken"] = "a" * 32
    response = browser.send("post", "/both/", **{"x-csrftoken": "a" * 32})
    assert response.json()["user"] == "ada"


def test_without_one_a_post_needs_no_csrf_token(world):
    script = Bearer(Client, bearer(world, world.ada).token, enforce_csrf_checks=True)
    for page in PAGES:
        assert script.post(page).json()["user"] == "ada"
