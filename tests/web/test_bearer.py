"""Bearer tokens: the user that a token logs in, and the end of a token."""

from __future__ import annotations

import pytest
from django.contrib import auth
from django.contrib.auth import get_user_model

from django_multisession import sessions
from django_multisession.backends.memory import SessionStore
from django_multisession.core import keys
from support.bearers import HANDLERS, assert_refused, bearer, opened, with_token


@pytest.fixture(**HANDLERS)
def stored_token_site(request, storage, databases, settings, monkeypatch):
    """Open a site with bearer tokens on every storage."""
    with opened(storage, settings, monkeypatch, request.param) as it:
        yield it


def test_a_token_logs_in_until_it_is_ended(stored_token_site):
    script = bearer(stored_token_site, stored_token_site.ada)
    assert [script.user, script.user] == ["ada", "ada"]
    sessions.end(script.handle)
    assert_refused(script.get("/who/"))


@pytest.mark.parametrize("is_awaited", [True, False])
def test_what_a_view_changes_is_there_next_time(stored_token_site, is_awaited):
    script = bearer(stored_token_site, stored_token_site.ada, data={"cart": [1]})
    script.run(aadd_to_cart if is_awaited else add_to_cart)
    assert script.run(lambda request: request.session["cart"]).content == b"[1, 2]"


def test_a_new_key_is_told_and_the_old_one_is_dead(stored_token_site):
    script = bearer(stored_token_site, stored_token_site.ada)
    old = script.token
    response = script.run(lambda request: request.session.cycle_key())
    assert response["Session-Token"] == script.token != old
    assert script.user == "ada"
    assert_refused(with_token(stored_token_site, old).get("/who/"))


def test_one_that_expired(stored_token_site):
    script = bearer(stored_token_site, stored_token_site.ada, expires_in=3600)
    stored_token_site.storage.clock.advance(seconds=3601)
    assert_refused(script.get("/who/"))


def add_to_cart(request):
    request.session["cart"].append(2)
    request.session.modified = True


async def aadd_to_cart(request):
    (await request.session.aget("cart")).append(2)
    request.session.modified = True


# The following tests run on the memory storage only


def test_one_that_never_was(token_site):
    bearer(token_site, token_site.ada)
    for token in (keys.new_key(), "a" * 8, "0" * 40):
        assert_refused(with_token(token_site, token).get("/who/"))
    assert token_site.storage.count() == 1


def test_who_sends_none_is_nobody(token_site):
    visitor = token_site.browser()
    assert visitor.user == ""
    assert "WWW-Authenticate" not in visitor.get("/who/").headers


def test_a_token_of_nobody_is_a_visitors(token_site):
    visitor = bearer(token_site, data={"cart": [1]})
    assert visitor.user == ""
    assert visitor.run(lambda request: request.session["cart"]).content == b"[1]"


def test_the_key_of_a_browser_is_a_token_too(token_site):
    browser = token_site.browser("grace")
    assert with_token(token_site, browser.key).user == "grace"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_scheme_may_be_written_in_any_case(token_site, scheme):
    script = bearer(token_site, token_site.ada)
    response = script.get("/who/", authorization=f"{scheme} {script.token}")
    assert response.content == b"ada"


OTHER_SCHEMES = ["Basic YTpi", "Digest x", "Token {}", "Bearer-x {}", "Bearerish {}", "x {}", "{}"]


@pytest.mark.parametrize("header", ["", *OTHER_SCHEMES])
def test_other_schemes_are_left_to_others(token_site, header):
    script = bearer(token_site, token_site.ada)
    header = header.format(script.token)
    response = script.get("/who/", authorization=header)
    assert (response.status_code, response.content) == (200, b"")


# Changes of users


def test_a_user_who_is_deactivated(token_site):
    script = bearer(token_site, token_site.ada)
    token_site.ada.is_active = False
    token_site.ada.save()
    assert_refused(script.get("/who/"))


def test_a_user_who_is_deleted(token_site):
    script = bearer(token_site, token_site.ada)
    token_site.ada.delete()
    assert_refused(script.get("/who/"))


@pytest.mark.parametrize("facts", [{"is_active": False}, {"password": "other"}])
def test_a_user_who_changed_behind_everybodys_back_is_nobody(token_site, facts):
    script = bearer(token_site, token_site.ada)
    get_user_model()._default_manager.filter(pk=token_site.ada.pk).update(**facts)
    assert script.user == ""


def test_a_new_password_elsewhere_ends_it(token_site):
    script, browser = bearer(token_site, token_site.ada), token_site.browser("ada")
    browser.run(set_password)
    assert_refused(script.get("/who/"))
    assert browser.user == "ada"


def test_a_new_password_by_the_script_itself_leaves_it_logged_in(token_site):
    script, other = bearer(token_site, token_site.ada), bearer(token_site, token_site.ada)
    old = script.token
    response = script.run(set_password)
    assert response["Session-Token"] == script.token != old
    assert script.user == "ada"
    assert_refused(other.get("/who/"))
    assert_refused(with_token(token_site, old).get("/who/"))


def test_another_secret_key_is_a_new_token(token_site, settings):
    """Django gives the session a new key and a hash by the new SECRET_KEY."""
    script = bearer(token_site, token_site.ada)
    old = script.token
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert script.user == "ada"
    assert script.token != old
    settings.SECRET_KEY_FALLBACKS = []
    assert script.user == "ada"
    assert_refused(with_token(token_site, old).get("/who/"))


def set_password(request):
    request.user.set_password("new")
    request.user.save()
    auth.update_session_auth_hash(request, request.user)


# Logins and logouts


def test_to_log_in_is_to_get_a_new_token(token_site):
    for name, before in (("grace", None), ("grace", token_site.ada), ("ada", token_site.ada)):
        script = bearer(token_site, before)
        old = script.token
        assert script.log_in(name).status_code == 302
        assert script.token != old
        assert script.user == name
        assert_refused(with_token(token_site, old).get("/who/"))


def test_a_wrong_password_changes_nothing(token_site):
    script = bearer(token_site, token_site.ada)
    response = script.post("/politely/", username="grace", password="wrong")
    assert "Session-Token" not in response.headers
    assert script.user == "ada"


def test_to_log_out_ends_it(token_site):
    script, other = bearer(token_site, token_site.ada), bearer(token_site, token_site.ada)
    response = script.post("/logout/")
    assert "Session-Token" not in response.headers
    assert_refused(script.get("/who/"))
    assert token_site.reasons() == ["logged_out"]
    assert other.user == "ada"


def test_to_log_out_elsewhere_ends_it(token_site):
    script = bearer(token_site, token_site.ada)
    assert sessions.log_out_everywhere(token_site.ada) == 1
    assert_refused(script.get("/who/"))


def test_one_that_ends_while_it_is_used_is_not_brought_back(token_site):
    script = bearer(token_site, token_site.ada)

    def view(request):
        request.session["note"] = 1
        SessionStore(request.session.session_key).flush()

    script.run(view, status=400)
    assert_refused(script.get("/who/"))
    assert token_site.storage.count() == 0


def test_a_view_may_take_the_session_away(token_site):
    def view(request):
        del request.session

    script = bearer(token_site, token_site.ada)
    script.run(view)
    assert script.user == "ada"


def test_a_page_that_never_looks_at_the_session_needs_a_good_token_all_the_same(token_site):
    script, seen = bearer(token_site), []
    assert script.run(lambda request: seen.append(request)).status_code == 200
    sessions.end(script.handle)
    script.run(lambda request: seen.append(request), status=401)
    assert len(seen) == 1
