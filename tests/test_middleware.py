"""The session middleware: cookies, touches and clients, under WSGI and under ASGI."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.http import HttpResponse
from django.test import AsyncClient, Client

from django_multisession.backends.memory import SessionStore
from django_multisession.core import keys
from django_multisession.middleware import SessionMiddleware

OURS = "django_multisession.middleware.SessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"


class Browser:
    """A client with cookies, under WSGI or ASGI."""

    def __init__(self, client):
        self.client = client

    def get(self, path, **headers):
        get = self.client.get
        if isinstance(self.client, AsyncClient):
            get = async_to_sync(get)
        return get(f"/{path}", headers=headers)

    @property
    def key(self):
        return (
            self.client.cookies["sessionid"].value if "sessionid" in self.client.cookies else None
        )

    @key.setter
    def key(self, value):
        self.client.cookies["sessionid"] = value


@pytest.fixture(autouse=True)
def project(settings, memory_storage, monkeypatch):
    settings.ROOT_URLCONF = "support.session_views"
    settings.SESSION_ENGINE = "django_multisession.backends.memory"
    settings.MIDDLEWARE = [OURS]
    monkeypatch.setattr(SessionStore, "storage", memory_storage)


@pytest.fixture(params=[Client, AsyncClient], ids=["wsgi", "asgi"])
def browser(request):
    return Browser(request.param(raise_request_exception=False))


@pytest.fixture
def record(browser, memory_storage):
    return lambda: memory_storage.read(keys.hash_key(browser.key))


def test_a_second_request_sees_the_firsts_data(browser):
    assert [browser.get(view).content for view in ("count", "sync_count", "count")] == [
        b"1",
        b"2",
        b"3",
    ]


def test_who_writes_nothing_gets_no_cookie(browser, memory_storage):
    assert browser.get("look").cookies == {}
    assert browser.get("ignore").cookies == {}
    assert memory_storage.count() == 0


def test_vary_wherever_the_session_was_read_or_a_cookie_set(browser):
    assert "Vary" not in browser.get("ignore").headers
    assert browser.get("look")["Vary"] == "Cookie"
    assert browser.get("count")["Vary"] == "Cookie"
    assert browser.get("end")["Vary"] == "Cookie"


def test_the_client_is_noted(browser, record):
    browser.get("count", user_agent="Firefox\0" + "x" * 1000)
    assert record().ip == "127.0.0.1"
    assert record().user_agent == ("Firefox" + "x" * 504)


def test_the_address_comes_from_the_setting(browser, record, settings):
    settings.MULTISESSION_CLIENT_IP = f"{__name__}.forwarded_for"
    browser.get("count", x_forwarded_for="2001:DB8::1")
    assert record().ip == "2001:db8::1"
    browser.get("count", x_forwarded_for="<script>")
    assert record().ip == "2001:db8::1"


def forwarded_for(request):
    return request.headers.get("X-Forwarded-For")


def test_a_read_touches_once_an_interval_and_sends_the_cookie_again(browser, record, clock):
    browser.get("count")
    clock.advance(seconds=59)
    assert browser.get("look").cookies == {}
    clock.advance(seconds=1)
    response = browser.get("look")
    assert record().last_seen_at == clock.now
    assert response.cookies["sessionid"]["max-age"] == 14 * 86400
    assert response.cookies["sessionid"]["httponly"] is True
    assert response["Vary"] == "Cookie"
    assert browser.get("look").cookies == {}


def test_a_session_kept_in_use_does_not_end(browser, clock, settings):
    settings.SESSION_COOKIE_AGE = 100
    browser.get("count")
    for _ in range(5):
        clock.advance(seconds=70)
        assert browser.get("look").content == b"1"
    clock.advance(seconds=100)
    assert browser.get("look").content == b"0"


def test_no_cookie_again_where_its_end_did_not_move(browser, record, clock, settings):
    settings.MULTISESSION_ABSOLUTE_AGE = 1000
    browser.get("count")
    clock.advance(seconds=100)
    assert browser.get("look").cookies == {}
    assert record().last_seen_at == clock.now


def test_a_cookie_until_the_browser_closes_is_not_sent_again(browser, record, clock):
    browser.get("count"), browser.get("expire?in=0")
    clock.advance(seconds=100)
    assert browser.get("look").cookies == {}
    assert record().last_seen_at == clock.now


def test_what_ignores_the_session_does_not_read_it(browser, memory_storage, monkeypatch):
    browser.get("count")
    monkeypatch.setattr(memory_storage, "read", None)
    assert browser.get("ignore").status_code == 200


def test_nothing_is_written_on_a_server_error(browser, record, clock):
    browser.get("count")
    before = record()
    clock.advance(hours=1)
    assert browser.get("fail").cookies == browser.get("look_and_fail").cookies == {}
    assert record() == before


def test_a_login_that_fails_leaves_nothing_behind(browser, memory_storage):
    browser.get("fail")
    assert (browser.key, memory_storage.count()) == (None, 0)


def test_a_session_ended_elsewhere_is_a_bad_request(browser, memory_storage):
    browser.get("count")
    response = browser.get("ended_elsewhere")
    assert response.status_code == 400
    assert memory_storage.count() == 0
    assert browser.get("look").content == b"0"


def test_ended_sessions_lose_their_cookie(browser, memory_storage):
    browser.get("count")
    response = browser.get("end")
    assert response.cookies["sessionid"]["max-age"] == 0
    assert memory_storage.count() == 0


def test_an_unknown_cookie_is_dropped(browser):
    browser.key = "a" * 32
    assert browser.get("look").cookies["sessionid"]["max-age"] == 0


def test_a_hostile_cookie_reaches_no_storage(browser, memory_storage, monkeypatch):
    monkeypatch.setattr(memory_storage, "read", None)
    for value in ("../../x", "'; DROP TABLE x", "\u00e4" * 32, "x" * 5000, "A" * 43):
        browser.key = value
        assert browser.get("look").content == b"0"


def test_a_view_may_take_the_session_away(browser):
    assert browser.get("without").content == b"no session"


def test_a_new_key_is_sent(browser):
    browser.get("count")
    old = browser.key
    browser.get("rotate")
    assert browser.key != old
    assert browser.get("count").content == b"2"
    browser.key = old
    assert browser.get("look").content == b"0"


def test_a_key_changed_before_an_error_is_not_lost(browser):
    """The old key is already dead, and Django does not send the new one with an error."""
    browser.get("count")
    old = browser.key
    response = browser.get("rotate_and_fail")
    assert response.status_code == 500
    assert response["Vary"] == "Cookie"
    assert response.cookies["sessionid"]["max-age"] == 14 * 86400
    assert browser.key != old
    assert browser.get("look").content == b"1"


def test_save_every_request(browser, record, clock, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    browser.get("count")
    clock.advance(hours=1)
    response = browser.get("ignore")
    assert response.cookies["sessionid"]["max-age"] == 14 * 86400
    assert record().last_seen_at == clock.now
    assert browser.get("look_and_fail").cookies == {}


def test_an_outage_is_an_error_and_keeps_the_cookie(browser, memory_storage, monkeypatch):
    browser.get("count")
    key, read = browser.key, memory_storage.read

    def down(*args):
        raise OperationalError("server is down")

    monkeypatch.setattr(memory_storage, "read", down)
    response = browser.get("look")
    assert (response.status_code, response.cookies) == (500, {})
    monkeypatch.setattr(memory_storage, "read", read)
    assert browser.key == key
    assert browser.get("look").content == b"1"


def test_everything_else_works_with_djangos_middleware(browser, record, settings, clock):
    settings.MIDDLEWARE = [DJANGOS]
    assert [browser.get("count").content, browser.get("sync_count").content] == [b"1", b"2"]
    assert (record().ip, record().user_agent) == (None, "")
    assert browser.get("ended_elsewhere").status_code == 400
    assert browser.get("end").cookies["sessionid"]["max-age"] == 0


def test_it_refuses_an_engine_that_is_not_ours(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    with pytest.raises(ImproperlyConfigured, match="SESSION_ENGINE"):
        SessionMiddleware(lambda request: HttpResponse())


def test_under_asgi_the_storage_is_awaited_and_no_thread_used(settings, monkeypatch, clock):
    """The blocking methods raise in an event loop; this storage has native async twins."""
    native = NativeStorage(clock=clock)
    monkeypatch.setattr(SessionStore, "storage", native)
    browser = Browser(AsyncClient())
    assert [browser.get("count").content for _ in range(2)] == [b"1", b"2"]
    clock.advance(hours=1)
    browser.get("look")
    browser.get("end")
    assert native.awaited == [
        "insert",
        *("read", "update"),
        *("read", "update"),
        "delete",
    ]


class NativeStorage(type(SessionStore.storage)):
    """A storage with native async twins, which records that they were awaited."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.awaited = []

    async def _offload(self, verb, *args):
        self.awaited.append(verb.__name__)
        return verb(*args)
