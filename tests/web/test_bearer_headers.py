"""Malformed Authorization headers: their errors, and that they never reach a storage."""

from __future__ import annotations

import json

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypotheses
from hypothesis import strategies as st

from django_multisession.core import keys
from django_multisession.middleware import BearerSessionMiddleware
from django_multisession.web import bearer
from django_multisession.web.bearer import MALFORMED, NO_TOKEN, UNKNOWN
from support.bearers import assert_refused
from support.project import install
from support.subjects import BLOCKING_VERBS

KEY = "k" * 32

WRONG = {
    "nothing": ("Bearer", MALFORMED),
    "a space": ("Bearer ", MALFORMED),
    "spaces": ("Bearer    ", MALFORMED),
    "a tab": (f"Bearer\t{KEY}", MALFORMED),
    "a tab in between": (f"Bearer \t{KEY}", MALFORMED),
    "two spaces": (f"Bearer  {KEY}", MALFORMED),
    "a space behind": (f"Bearer {KEY} ", MALFORMED),
    "two tokens": (f"Bearer {KEY} {KEY}", MALFORMED),
    "a list": (f"Bearer {KEY},Bearer {KEY}", MALFORMED),
    "a list of two headers": (f"Bearer {KEY}, Bearer {KEY}", MALFORMED),
    "a comma": (f"Bearer {KEY},", MALFORMED),
    "with another scheme": (f"Bearer {KEY}, Basic YTpi", MALFORMED),
    "a parameter": (f'Bearer token="{KEY}"', NO_TOKEN),
    "an equals sign": (f"Bearer={KEY}", MALFORMED),
    "a colon": (f"Bearer: {KEY}", MALFORMED),
    "a comma before": (f"Bearer, {KEY}", MALFORMED),
    "a tab before": (f"Bearer\tx {KEY}", MALFORMED),
    "quotes": (f'Bearer "{KEY}"', NO_TOKEN),
    "NUL": (f"Bearer {KEY}\0", NO_TOKEN),
    "only NUL": ("Bearer \0", NO_TOKEN),
    "a line": (f"Bearer {KEY}\n", MALFORMED),
    "two lines": (f"Bearer {KEY}\r\nX: y", MALFORMED),
    "no Latin": ("Bearer \u043a\u043b\u044e\u0447" * 8, MALFORMED),
    "other digits": ("Bearer " + "\u0661" * 32, NO_TOKEN),
    "no ASCII": ("Bearer " + "\xe4" * 32, NO_TOKEN),
    "a lone surrogate": ("Bearer \ud800", NO_TOKEN),
    "upper case": (f"Bearer {KEY.upper()}", NO_TOKEN),
    "one too short": ("Bearer " + "a" * 7, NO_TOKEN),
    "one too long": ("Bearer " + "a" * 41, NO_TOKEN),
    "a handle": (f"Bearer {keys.hash_key(KEY)}", NO_TOKEN),
    "a JWT": ("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", NO_TOKEN),
    "a path": ("Bearer ../../../etc/passwd", NO_TOKEN),
    "SQL": ("Bearer '/**/OR/**/1=1--", NO_TOKEN),
    "a megabyte": ("Bearer " + "a" * 2**20, NO_TOKEN),
    "a megabyte of spaces": ("Bearer" + " " * 2**20, MALFORMED),
    "a megabyte of commas": ("Bearer " + "," * 2**20, MALFORMED),
}

TOLD = {
    json.dumps({"error": error, "detail": detail})
    for _, error, detail in (MALFORMED, NO_TOKEN, UNKNOWN)
}


class Door:
    """The middleware, the requests that pass it, and the storage calls."""

    def __init__(self):
        self.passed, self.storage_calls = [], []
        self.middleware = BearerSessionMiddleware(self._enter)

    def __call__(self, header):
        self.passed.clear(), self.storage_calls.clear()
        return self.middleware(RequestFactory().get("/", HTTP_AUTHORIZATION=header))

    def _enter(self, request):
        self.passed.append(request)
        return HttpResponse("in")


@pytest.fixture
def door(memory_storage, settings, monkeypatch):
    install(memory_storage, settings, monkeypatch)
    it, verbs = Door(), {verb: getattr(memory_storage, verb) for verb in BLOCKING_VERBS}

    def spied(verb):
        def call(*args):
            it.storage_calls.append((verb, *args))
            return verbs[verb](*args)

        return call

    for verb in verbs:
        monkeypatch.setattr(memory_storage, verb, spied(verb))
    return it


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_token_is_refused_and_asks_no_storage(door, name):
    header, (status, error, detail) = WRONG[name]
    response = door(header)
    assert_refused(response, error, status)
    assert (door.passed, door.storage_calls) == ([], [])
    assert json.loads(response.content)["detail"] == detail  # does not repeat the header


def test_a_token_is_asked_for_once(door):
    """A control for the other tests: a well-formed token does reach the storage."""
    response = door(f"Bearer {KEY}")
    assert_refused(response)
    assert response.content.decode() in TOLD
    assert door.storage_calls == [("read", keys.hash_key(KEY), None)]


def test_where_there_is_no_header_nothing_is_asked(door):
    assert door.middleware(RequestFactory().get("/")).content == b"in"
    assert door.storage_calls == []


ANY = st.text(max_size=60)
HEADERS = st.one_of(
    ANY,
    ANY.map("Bearer".__add__),
    ANY.map("Bearer ".__add__),
    st.text("abz019AZ ,\t._-=", max_size=50).map("bearer ".__add__),
    st.from_regex(r"Bearer [a-z0-9]{7,41}[ ,]?", fullmatch=True),
)


@hypotheses(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(header=HEADERS)
def test_whatever_is_sent(door, header):
    response = door(header)
    could_be_one = header[:7].lower() == "bearer " and keys.is_key(header[7:])
    if bearer.SCHEME.match(header) is None:
        assert (response.content, door.storage_calls) == (b"in", [])
    else:
        assert response.status_code in (400, 401)
        assert response.content.decode() in TOLD
        assert len(door.storage_calls) == could_be_one


def test_the_error_that_is_raised_tells_no_token():
    request = RequestFactory().get("/", HTTP_AUTHORIZATION="Bearer SECRET")
    with pytest.raises(bearer.ApiError) as caught:
        bearer.token_of(request)
    assert "SECRET" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"
