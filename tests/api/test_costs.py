"""The devices API: round trips of each call, and errors during an outage."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from support.api_clients import ROOT, error, opened
from support.auth_worlds import PASSWORD
from support.costs import counting
from support.outages import Away, raising, raising_any

pytestmark = pytest.mark.thorough  # independent of Python and Django versions

NUMBERS = pytest.mark.parametrize("number", [2, 60])


@pytest.fixture
def outage_site(site_by_each, monkeypatch):
    monkeypatch.setattr(site_by_each.storage, "outages", (Away,))
    return site_by_each


# Call -> its cost. Reading the caller's session is one read, and loading the user is one query.
CALLS = {
    "list": (("get", "/"), {"read": 1, "find": 1}, 1),
    "page": (("get", "/?page=1"), {"read": 1, "find": 1}, 1),
    "get": (("get", "/{other}/"), {"read": 2}, 1),
    "rename": (("patch", "/{other}/", {"label": "x"}), {"read": 2, "update": 1}, 1),
    "end": (("delete", "/{other}/"), {"read": 2, "delete": 1}, 1),
    "end own": (("delete", "/{own}/"), {"read": 2, "delete": 1}, 1),
    "end others": (("post", "/end-others/"), {"read": 1, "delete_matching": 1}, 1),
    "confirm": (("post", "/confirm/", {"password": PASSWORD}), {"read": 1, "rename": 1}, 2),
    "confirm wrongly": (("post", "/confirm/", {"password": "x"}), {"read": 1}, 2),
    "nonsense": (("get", "/x/"), {"read": 1}, 1),
    "unknown": (("delete", f"/{'A' * 43}/"), {"read": 2}, 1),
    "no method": (("put", "/{own}/"), {"read": 1}, 1),
    "no label": (("patch", "/{own}/", {}), {"read": 2}, 1),
    "schema": (("get", "/openapi.json"), {}, 0),
}


def called(mine, other, name):
    method, path, *body = CALLS[name][0]
    return mine.call(method, path.format(own=mine.own, other=other), *body)


@pytest.fixture
def other(outage_site):
    return sessions.create(outage_site.ada).handle


@NUMBERS
@pytest.mark.parametrize("name", CALLS)
def test_what_a_call_costs(outage_site, other, monkeypatch, name, number):
    """The cost does not depend on the number of devices."""
    for _ in range(number - 2):
        sessions.create(outage_site.ada)
    mine = outage_site.caller(outage_site.ada)
    with counting(outage_site.storage, monkeypatch) as counted:
        called(mine, other, name)
    _, verbs, queries = CALLS[name]
    if name == "schema" and outage_site.by == "token":
        verbs = {"read": 1}  # by the middleware, to check the token
    assert counted == [verbs, queries]


# With a token the middleware reads the session before the API is called.
OUTAGES = [
    (by, name, verb)
    for by in ("cookie", "token")
    for name, (_, verbs, _) in CALLS.items()
    for verb in verbs
]


@pytest.mark.parametrize(("site_by_each", "name", "verb"), OUTAGES, indirect=["site_by_each"])
def test_an_outage_is_told(outage_site, other, monkeypatch, name, verb):
    mine = outage_site.caller(outage_site.ada)
    mine.listed()
    with monkeypatch.context() as patch:
        patch.setattr(outage_site.storage, verb, raising(Away))
        response = called(mine, other, name)
    assert (response.status_code, error(response)) == (503, "unavailable")
    assert "<server>" not in response.content.decode()
    assert dict(response.cookies) == {}
    assert "WWW-Authenticate" not in response.headers
    assert {each["handle"] for each in mine.listed()} == {mine.own, other}
    assert outage_site.world.reasons() == []


@pytest.mark.parametrize("verb", ["read", "find"])
def test_another_error_is_one(outage_site, monkeypatch, verb):
    """An exception other than an outage is a server error, not 503."""
    mine = outage_site.caller(outage_site.ada)
    monkeypatch.setattr(outage_site.storage, verb, raising(ZeroDivisionError))
    with pytest.raises(AssertionError, match="may not answer 500"):
        mine.call("get", "/")


@pytest.mark.parametrize("site_by_each", ["token"], indirect=True)
def test_an_outage_does_not_tell_clients_to_throw_their_token_away(outage_site, monkeypatch):
    mine = outage_site.caller(outage_site.ada)
    with monkeypatch.context() as patch:
        patch.setattr(outage_site.storage, "read", raising(Away))
        response = mine.client.get(f"{ROOT}/", headers={"authorization": f"Bearer {mine.token}"})
    assert response.status_code in (500, 503)
    assert "WWW-Authenticate" not in response.headers
    assert mine.listed()


def test_what_storages_raise_is_known(storage, databases, settings, monkeypatch):
    if not storage.outages:
        pytest.skip("The memory storage is in this process and cannot be down.")
    with opened(storage, settings, monkeypatch) as site:
        mine = site.caller(site.ada)
        for kind in storage.outages:
            with monkeypatch.context() as patch:
                patch.setattr(storage, "find", raising_any(kind))
                assert mine.call("get", "/").status_code == 503
        assert mine.listed()
