"""The devices API: methods that are not allowed, and pages of the list."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from support.api_clients import ROOT, Caller, error

pytestmark = pytest.mark.thorough  # independent of Python and Django versions

BY = pytest.mark.parametrize("by", ["cookie", "token"])
SOME = "A" * 43


NOT_THERE = [
    ("post", "/", "GET, HEAD, OPTIONS"),
    ("delete", "/", "GET, HEAD, OPTIONS"),
    ("put", f"/{SOME}/", "GET, PATCH, DELETE, HEAD, OPTIONS"),
    ("post", f"/{SOME}/", "GET, PATCH, DELETE, HEAD, OPTIONS"),
    ("get", "/end-others/", "POST, OPTIONS"),
    ("delete", "/end-others/", "POST, OPTIONS"),
    ("get", "/confirm/", "POST, OPTIONS"),
    ("trace", "/", "GET, HEAD, OPTIONS"),
    ("brew", "/", "GET, HEAD, OPTIONS"),
]


@BY
@pytest.mark.parametrize(("method", "path", "allowed"), NOT_THERE)
def test_what_does_nothing_says_what_does(site, by, method, path, allowed):
    site.by = by
    response = site.caller(site.ada).call(method, path)
    assert (response.status_code, error(response)) == (405, "not_allowed")
    assert {*response["Allow"].split(", ")} == {*allowed.split(", ")}
    assert method.upper() in response.json()["detail"]


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nobody_is_told_what_does(site, method):
    caller = Caller(site.world.handler)
    response = caller.client.generic(method.upper(), f"{ROOT}/")
    assert (response.status_code, error(response)) == (401, "not_authenticated")


def test_head_and_options(site):
    mine = site.caller(site.ada)
    head, options = mine.client.head(f"{ROOT}/"), mine.client.options(f"{ROOT}/")
    assert (head.status_code, head.content) == (200, b"")
    assert (options.status_code, options["Allow"]) == (200, "GET, HEAD, OPTIONS")


# Pages


def test_pages_of_a_hundred(site):
    mine = site.caller(site.ada)
    for _ in range(100):
        sessions.create(site.ada)
    first, second = (mine.call("get", f"/?page={n}").json() for n in (1, 2))
    assert [first["count"], first["page"], first["pages"]] == [101, 1, 2]
    assert [len(first["devices"]), len(second["devices"])] == [100, 1]
    handles = {each["handle"] for each in first["devices"] + second["devices"]}
    assert len(handles) == 101
    assert first["devices"][0]["is_current"]
    assert mine.call("get", "/").json() == first


@pytest.mark.parametrize(
    "page", ["0", "-1", "2", "1.5", "x", "", "last", "nan", "1e99", "9" * 5000, "%00", "%F0%9F"]
)
def test_there_is_no_such_page(site, page):
    response = site.caller(site.ada).call("get", f"/?page={page}")
    assert (response.status_code, error(response)) == (400, "invalid")
    assert response.json()["detail"] == "The page must be 1 to 1."
