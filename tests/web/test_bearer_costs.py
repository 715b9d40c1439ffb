"""Bearer tokens: round trips, clients, key secrecy and outages."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from django_multisession import sessions
from django_multisession.core import keys
from support.auth_worlds import OURS, USER
from support.bearers import bearer, with_token
from support.costs import counting
from support.outages import raising
from support.user_agents import FIREFOX

pytestmark = pytest.mark.thorough  # independent of Python and Django versions


@pytest.fixture
def cost(token_site, monkeypatch):
    """Return a function that returns the storage calls and the database queries of a call."""

    def of(call):
        with counting(token_site.storage, monkeypatch) as counted:
            call()
        return counted

    return of


# Reading the session is one round trip, and loading the user is one query


def test_a_page_costs_one_read(token_site, cost):
    script = bearer(token_site, token_site.ada)
    assert cost(lambda: script.get("/who/")) == [{"read": 1}, 1]
    assert cost(lambda: script.run(read_a_lot)) == [{"read": 1}, 1]


def test_a_page_that_never_looks_at_the_session_costs_one_too(token_site, cost):
    assert cost(lambda: bearer(token_site).run(lambda request: "")) == [{"insert": 1, "read": 1}, 0]


def read_a_lot(request):
    session = request.session
    return session.get("a"), request.user.pk, session.created_at, session.references, session.keys()


def test_a_change_costs_one_write(token_site, cost):
    script = bearer(token_site, token_site.ada)

    def view(request):
        request.session["cart"] = [1]

    assert cost(lambda: script.run(view)) == [{"read": 1, "update": 1}, 0]


def test_a_bad_token_costs_one_read(token_site, cost):
    stranger = with_token(token_site, keys.new_key())
    assert cost(lambda: stranger.get("/who/")) == [{"read": 1}, 0]


def test_what_is_no_token_costs_nothing(token_site, cost):
    for token in ("", "A" * 43, "a b", "x" * 7):
        stranger = with_token(token_site, token)
        assert cost(lambda it=stranger: it.get("/who/")) == [{}, 0]


def test_with_a_cookie_it_costs_what_it_did(token_site, settings, cost):
    browser = token_site.browser("ada")
    expected = cost(lambda: browser.get("/who/"))
    settings.MIDDLEWARE = [OURS, USER]
    browser = token_site.browser("ada")
    assert cost(lambda: browser.get("/who/")) == expected == [{"read": 1}, 1]


def test_a_touch_once_an_interval(token_site, cost, clock):
    script = bearer(token_site, token_site.ada)
    for seconds, verbs in [
        (59, {"read": 1}),
        (1, {"read": 1, "update": 1}),
        (59, {"read": 1}),
        (1, {"read": 1, "update": 1}),
    ]:
        clock.advance(seconds=seconds)
        assert cost(lambda: script.get("/who/")) == [verbs, 1]
    assert sessions.get(script.handle).last_seen_at == clock.now


def test_one_that_is_used_does_not_end(token_site, clock, settings):
    settings.SESSION_COOKIE_AGE = 100
    script = bearer(token_site, token_site.ada)
    for _ in range(5):
        clock.advance(seconds=70)
        assert script.user == "ada"
    clock.advance(seconds=100)
    assert script.get("/who/").status_code == 401


# Clients


def test_the_client_is_noted(token_site, clock):
    script = bearer(token_site, token_site.ada)
    clock.advance(hours=1)
    script.get("/who/", **{"user-agent": FIREFOX})
    info = sessions.get(script.handle)
    assert (info.ip, info.device) == ("127.0.0.1", "Firefox on Linux")


# Keys


@pytest.mark.parametrize("is_debugging", [True, False])
def test_no_answer_tells_a_key_but_the_one_header(token_site, settings, monkeypatch, is_debugging):
    settings.DEBUG = is_debugging
    script = bearer(token_site, token_site.ada)
    answers = [script.get("/who/"), script.get("/nowhere/"), script.run(broken, status=500)]
    with monkeypatch.context() as patch:
        patch.setattr(token_site.storage, "read", raising(OperationalError))
        patch.setattr(token_site.storage, "outages", (OperationalError,))
        answers.append(script.get("/who/"))
    sessions.end(script.handle)
    answers.append(script.get("/who/"))
    assert [answer.status_code for answer in answers] == [200, 404, 500, 503, 401]
    for answer in answers:
        assert script.token not in f"{answer.content.decode()} {answer.headers}"


def broken(request):
    # Django's debug page would query, in a thread whose connections are never closed.
    assert request.user.is_authenticated
    raise RuntimeError(request.session)


# Outages: no response may make a client discard its token


@pytest.mark.parametrize(("verb", "status"), [("read", 503), ("update", 500)])
def test_an_outage_is_an_error_of_the_server(token_site, monkeypatch, clock, caplog, verb, status):
    script = bearer(token_site, token_site.ada)
    clock.advance(hours=1)
    with monkeypatch.context() as patch:
        patch.setattr(token_site.storage, verb, raising(OperationalError))
        patch.setattr(token_site.storage, "outages", (OperationalError,))
        for _ in range(2):
            response = script.get("/who/")
            assert response.status_code == status
            assert "WWW-Authenticate" not in response.headers
    assert "OperationalError" in caplog.text
    assert script.user == "ada"
