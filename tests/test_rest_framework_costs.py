"""BearerSessionAuthentication: round trips, outages, and requests over real HTTP."""

from __future__ import annotations

import json
import threading
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import OperationalError, connections

from django_multisession import sessions
from django_multisession.core import keys
from support.bearers import bearer
from support.costs import counting
from support.demo_sites import DEADLINE
from support.outages import raising
from support.rest_pages import MIDDLEWARE, PAGES, opened
from support.servers import HOST
from support.user_agents import FIREFOX

pytestmark = pytest.mark.thorough  # independent of Python and Django versions


@pytest.fixture(params=MIDDLEWARE)
def world(request, memory_storage, databases, settings, monkeypatch):
    with opened(memory_storage, settings, monkeypatch, request.param) as it:
        yield it


def test_one_load_and_nothing_more(world, monkeypatch):
    script = bearer(world, world.ada)
    for page in PAGES:
        with counting(world.storage, monkeypatch) as told:
            assert script.get(page).status_code == 200
        assert told == [{"read": 1}, 1]


def test_a_touch_once_an_interval(world, monkeypatch, clock):
    script = bearer(world, world.ada)
    for seconds, verbs in [(59, {"read": 1}), (1, {"read": 1, "update": 1}), (0, {"read": 1})]:
        clock.advance(seconds=seconds)
        with counting(world.storage, monkeypatch) as told:
            script.get("/members/", **{"user-agent": FIREFOX})
        assert told == [verbs, 1]
    info = sessions.get(script.handle)
    assert (info.last_seen_at, info.ip) == (clock.now, "127.0.0.1")
    assert info.device == "Firefox on Linux"


def test_an_outage_is_an_error_of_the_server(world, monkeypatch, caplog):
    script = bearer(world, world.ada)
    with monkeypatch.context() as patch:
        patch.setattr(world.storage, "read", raising(OperationalError))
        patch.setattr(world.storage, "outages", (OperationalError,))
        response = script.get("/members/")
    assert response.status_code == 503
    assert response.json()["detail"].startswith("The session server is not responding.")
    assert "WWW-Authenticate" not in response.headers
    assert "OperationalError" in caplog.text
    assert script.get("/members/").json()["user"] == "ada"


# Over HTTP


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def plain(memory_storage, databases, settings, monkeypatch):
    with opened(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture
def site(plain):
    """Return a function that serves this number of requests and returns the site's URL."""
    threads, server = [], make_server(HOST, 0, WSGIHandler(), handler_class=Quiet)
    server.timeout = DEADLINE

    def answer(number):
        for _ in range(number):
            server.handle_request()
        connections.close_all()

    def begin(number):
        threads.append(threading.Thread(target=answer, args=(number,)))
        threads[-1].start()
        return f"http://{HOST}:{server.server_port}"

    yield begin
    [thread.join() for thread in threads]
    server.server_close()


def test_over_http(plain, site):
    key = sessions.create(plain.ada).session_key
    address, opener = site(2), build_opener(ProxyHandler({}))

    def asked(token):
        request = Request(f"{address}/members/", headers={"Authorization": f"Bearer {token}"})
        return opener.open(request, timeout=DEADLINE)

    with asked(key) as response:
        assert json.load(response)["user"] == "ada"
    with pytest.raises(HTTPError, match="401") as caught:
        asked(keys.new_key())
    with caught.value as response:
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="sessions"'
