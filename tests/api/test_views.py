"""The devices API: listing, renaming and signing out devices, with a cookie and with a token."""

from __future__ import annotations

import pytest
from django.test import AsyncClient, Client

from django_multisession import sessions
from support.api_clients import error, opened

BY = pytest.mark.parametrize("by", ["cookie", "token"], indirect=True)


@pytest.fixture
def by(request):
    return request.param


@pytest.fixture(params=[Client, AsyncClient], ids=["wsgi", "asgi"])
def handler(request):
    return request.param


@pytest.fixture
def stored_site(storage, handler, by, databases, settings, monkeypatch):
    """Open a site on every storage."""
    with opened(storage, settings, monkeypatch, handler) as it:
        it.by = by
        yield it


@pytest.fixture
def quick(site, by):
    site.by = by
    return site


@BY
def test_a_life(stored_site):
    """List, rename and sign out devices in one run, as most clients do."""
    mine, other, third = (stored_site.caller(stored_site.ada) for _ in range(3))
    others = stored_site.caller(stored_site.grace)
    handles = [each["handle"] for each in mine.listed()]
    assert handles == [mine.own, third.own, other.own]
    response = mine.call("patch", f"/{other.own}/", {"label": "Kitchen \U0001f36a"})
    assert response.status_code == 200
    assert mine.call("get", f"/{other.own}/").json() == response.json()
    assert response.json()["name"] == "Kitchen \U0001f36a"
    assert mine.call("delete", f"/{other.own}/").status_code == 204
    assert other.call("get", "/").status_code == 401
    assert mine.call("post", "/end-others/").json() == {"ended": 1}
    assert [each["handle"] for each in mine.listed()] == [mine.own]
    assert mine.call("delete", f"/{mine.own}/").status_code == 204
    assert mine.call("get", "/").status_code == 401
    assert others.call("get", "/").status_code == 200


# The following tests run on the memory storage only


@BY
def test_what_is_told_of_a_device(quick, clock):
    mine = quick.caller(quick.ada)
    begun = clock.now
    clock.advance(minutes=10)
    (device,) = mine.listed()  # before its session is touched
    (device,) = mine.listed()
    assert device == {
        "handle": mine.own,
        "name": "Firefox on Linux",
        "label": "",
        "device": "Firefox on Linux",
        "kind": "computer",
        "ip": "127.0.0.1",
        "place": "",
        "created_at": shown(begun),
        "last_seen_at": shown(clock.now),
        "expires_at": device["expires_at"],
        "is_current": True,
    }


def shown(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@BY
def test_this_one_comes_first_then_the_most_recently_active(quick, clock):
    first, second, third = (quick.caller(quick.ada) for _ in range(3))
    clock.advance(minutes=2)
    first.listed()
    clock.advance(minutes=2)
    second.listed()
    clock.advance(minutes=2)
    listed = third.listed()
    assert [each["handle"] for each in listed] == [third.own, second.own, first.own]
    assert [each["is_current"] for each in listed] == [True, False, False]
    (_, *others) = first.listed()
    assert [each["handle"] for each in others] == [third.own, second.own]


@BY
def test_one_that_nothing_is_known_of(quick):
    mine, other = quick.caller(quick.ada), sessions.create(quick.ada)
    device = mine.call("get", f"/{other.handle}/").json()
    assert (device["name"], device["device"], device["kind"]) == ("Unknown device", "", "other")
    assert (device["ip"], device["place"], device["is_current"]) == (None, "", False)


@BY
def test_texts_are_data(quick):
    mine = quick.caller(quick.ada)
    label = "<script>\"'\\ \u2028 {{ 7 }}"
    response = mine.call("patch", f"/{mine.own}/", {"label": label})
    assert response.json()["label"] == response.json()["name"] == label


@BY
def test_a_label_is_taken_back(quick):
    mine = quick.caller(quick.ada)
    for label, name in (("x" * 100, "x" * 100), ("", "Firefox on Linux")):
        quick.storage.clock.advance(minutes=2)
        mine.listed()  # touches the session, which stores its user agent
        device = mine.call("patch", f"/{mine.own}/", {"label": label}).json()
        assert (device["label"], device["name"]) == (label, name)


@BY
def test_to_rename_another_is_no_use_of_it(quick, clock):
    mine, other = quick.caller(quick.ada), quick.caller(quick.ada)
    before = sessions.get(other.own)
    clock.advance(minutes=10)
    mine.call("patch", f"/{other.own}/", {"label": "Kitchen"})
    after = sessions.get(other.own)
    assert (after.last_seen_at, after.expires_at) == (before.last_seen_at, before.expires_at)


@BY
def test_signals_tell_who_ended_it(quick):
    mine, other = quick.caller(quick.ada), quick.caller(quick.ada)
    mine.call("delete", f"/{other.own}/")
    assert quick.world.reasons() == ["ended_by_user"]
    quick.caller(quick.ada)
    mine.call("post", "/end-others/")
    assert quick.world.reasons() == ["logged_out_everywhere"]
    mine.call("delete", f"/{mine.own}/")
    assert quick.world.reasons() == ["logged_out"]


@BY
def test_nobody_else_is_ended(quick):
    mine, others = quick.caller(quick.ada), quick.caller(quick.grace)
    assert mine.call("post", "/end-others/").json() == {"ended": 0}
    assert others.call("get", "/").status_code == 200


@BY
def test_what_is_done_again_is_not_found(quick):
    mine, other = quick.caller(quick.ada), quick.caller(quick.ada)
    path = f"/{other.own}/"
    assert mine.call("delete", path).status_code == 204
    for method, body in (("delete", None), ("get", None), ("patch", {"label": "x"})):
        response = mine.call(method, path, body)
        assert (response.status_code, error(response)) == (404, "not_found")
    mine.call("delete", f"/{mine.own}/")
    assert mine.call("delete", f"/{mine.own}/").status_code == 401


@BY
def test_one_that_ends_while_it_is_renamed_is_not_found(quick, monkeypatch):
    mine, other = quick.caller(quick.ada), quick.caller(quick.ada)
    update = quick.storage.update

    def ended_first(id, change):
        sessions.end(other.own)
        return update(id, change)

    monkeypatch.setattr(quick.storage, "update", ended_first)
    response = mine.call("patch", f"/{other.own}/", {"label": "x"})
    assert (response.status_code, error(response)) == (404, "not_found")


def test_whoever_ends_their_own_loses_the_cookie(memory_storage, databases, settings, monkeypatch):
    with opened(memory_storage, settings, monkeypatch) as site:
        mine = site.caller(site.ada)
        response = mine.call("delete", f"/{mine.own}/")
        assert response.cookies["sessionid"]["max-age"] == 0


@BY
def test_no_answer_is_kept(quick):
    mine = quick.caller(quick.ada)
    for method, path in (("get", "/"), ("get", f"/{mine.own}/"), ("get", f"/{'A' * 43}/")):
        assert "no-store" in mine.call(method, path)["Cache-Control"]
    assert "no-store" in quick.caller().call("get", "/")["Cache-Control"]


@BY
def test_no_key_is_told(quick):
    mine, other = quick.caller(quick.ada), quick.caller(quick.ada)
    keys = [each.token or each.client.cookies["sessionid"].value for each in (mine, other)]
    for path in ("/", f"/{mine.own}/", f"/{other.own}/", "/openapi.json"):
        text = mine.call("get", path).content.decode()
        assert not [key for key in keys if key in text]
