"""Effects of logins and of changes of users on sessions, on every storage."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth import alogin, login
from django.db import connections, transaction
from django.test import AsyncClient, Client

from django_multisession import sessions
from django_multisession.core.expiry import utcnow
from support.auth_pages import MODEL_BACKEND, achange, change
from support.auth_worlds import Browser, inhabited

pytestmark = pytest.mark.thorough

THREADS = 8


@pytest.fixture(params=[Client, AsyncClient], ids=["wsgi", "asgi"])
def world(request, storage, databases, settings, monkeypatch):
    with inhabited(storage, settings, monkeypatch, request.param) as it:
        yield it


@pytest.fixture
def change_password(world):
    """Return a sync or async view function, whichever fits the handler."""
    return change if world.handler is Client else achange


@pytest.fixture
def log_in(world):
    def script(request):
        login(request, world.ada, MODEL_BACKEND)

    async def ascript(request):
        await alogin(request, world.ada, MODEL_BACKEND)

    return script if world.handler is Client else ascript


def test_a_new_key_on_every_login(world, log_in):
    browser, old = world.browser(), []
    for name in ("grace", "ada"):
        browser.log_in(name)
        old.append(browser.handle)
    browser.run(log_in)
    assert len({*old, browser.handle}) == 3
    assert [world.storage.read(each) for each in old] == [None, None]
    assert world.handles(world.ada) == {browser.handle}
    assert world.handles(world.grace) == set()
    assert browser.user == "ada"


def test_a_new_password(world, change_password):
    browser, other, third = world.browsers("ada", 3)
    stranger, old = world.browser("grace"), browser.handle
    browser.run(change_password)
    assert world.handles(world.ada) == {browser.handle} != {old}
    assert world.reasons() == ["password_changed"] * 2
    users = [each.user for each in (browser, other, third, stranger)]
    assert users == ["ada", "", "", "grace"]


def test_a_new_password_under_atomic_requests(world, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    browser, other = world.browsers("ada", 2)
    browser.run(change)
    assert world.handles(world.ada) == {browser.handle}
    assert [each.user for each in (browser, other)] == ["ada", ""]


def test_a_new_password_that_is_rolled_back(world, monkeypatch):
    """A rolled back password change ends no session, even if sessions are in the same database."""
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    browser, other = world.browsers("ada", 2)

    def script(request):
        request.user.set_password("new")
        request.user.save()
        transaction.set_rollback(True)

    browser.run(script)
    assert world.ended == []
    assert world.handles(world.ada) == {browser.handle, other.handle}
    assert [each.user for each in (browser, other)] == ["ada", "ada"]


@pytest.mark.parametrize("reason", ["deactivated", "deleted"])
def test_what_becomes_of_a_user(world, reason):
    browsers, stranger = world.browsers("ada", 2), world.browser("grace")
    if reason == "deleted":
        type(world.ada).objects.filter(username="ada").delete()
    else:
        world.ada.is_active = False
        world.ada.save()
    assert world.handles(world.ada) == set()
    assert world.reasons() == [reason] * 2
    assert [each.user for each in (*browsers, stranger)] == ["", "", "grace"]


def test_too_many(world, settings, log_in):
    settings.MULTISESSION_SESSIONS_PER_USER = 2
    first, second = world.browsers("ada", 2)
    token = sessions.create(world.ada)
    assert world.handles(world.ada) <= {first.handle, second.handle, token.handle}
    assert len(world.handles(world.ada)) == 2
    third, fourth = world.browser(), world.browser("ada")
    third.run(log_in)
    assert world.handles(world.ada) <= {third.handle, fourth.handle}
    assert world.reasons() == ["too_many"] * 3


def test_too_many_refused(world, settings, log_in):
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    settings.MULTISESSION_ON_SESSION_LIMIT = "refuse"
    browser, visitor = world.browser("ada"), world.browser()
    visitor.run(lambda request: request.session.update({"cart": [1]}))
    visitor.run(log_in, status=403)
    browser.run(log_in)
    assert (visitor.user, browser.user) == ("", "ada")
    assert world.handles(world.ada) == {browser.handle}


def test_too_many_refused_under_atomic_requests(world, settings, monkeypatch):
    """The login's writes may be rolled back; no session keeps the user in either case."""
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    settings.MULTISESSION_ON_SESSION_LIMIT = "refuse"
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    browser, visitor = world.browser("ada"), world.browser()
    visitor.run(lambda request: request.session.update({"cart": [1]}))
    key = visitor.key
    assert visitor.log_in("ada").status_code == 403
    assert visitor.user == ""
    visitor.client.cookies["sessionid"] = key
    assert visitor.user == ""
    assert world.handles(world.ada) == {browser.handle}


@pytest.mark.parametrize("limit", [1, 3])
def test_logins_at_once_leave_as_many_as_are_allowed(
    real_storage, databases, settings, monkeypatch, limit
):
    settings.MULTISESSION_SESSIONS_PER_USER = limit
    with inhabited(real_storage, settings, monkeypatch) as world:
        monkeypatch.setattr(real_storage, "clock", utcnow)
        start = Barrier(THREADS)

        def enter(number):
            browser = Browser(Client)
            try:
                start.wait(20)
                assert browser.log_in("ada").status_code == 302
            finally:
                connections.close_all()
            return browser

        with ThreadPoolExecutor(THREADS) as pool:
            for _ in range(3):
                browsers = [*pool.map(enter, range(THREADS))]
                alive = world.handles(world.ada)
                assert len(alive) == limit
                assert alive <= {each.handle for each in browsers}
        assert [each.user for each in browsers].count("ada") == limit
