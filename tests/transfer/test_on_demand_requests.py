"""The switch to another engine in browsers: over both handlers, under both session middlewares."""

from __future__ import annotations

import asyncio

import pytest
from django.db import connections
from django.http import Http404
from django.test import Client

from django_multisession import sessions
from django_multisession.backends import memory
from django_multisession.core import keys
from support import old_engines
from support.auth_pages import achange, change
from support.auth_worlds import DJANGOS, OURS, copy_of, restarted, use
from support.project import store_on
from support.together import at_once, few_connections, threads  # noqa: F401 - close connections

DJANGO_KINDS = ["db", "cached_db", "cache", "file", "signed_cookies"]
PARALLEL = 8


@pytest.fixture(params=["db"])
def previous(relations, request):
    yield from old_engines.opened(request.param, request)


@pytest.fixture
def switched(previous_world, previous, settings):
    """``switched(*browsers)``: the browsers, after the project has changed to this engine."""

    def switch(*browsers, middleware=OURS):
        use(settings, memory.__name__, middleware, [previous.engine])
        after = [restarted(browser) for browser in browsers]
        return after if len(after) > 1 else after[0]

    return switch


@pytest.mark.parametrize("previous", DJANGO_KINDS, indirect=True)
@pytest.mark.parametrize("middleware", [OURS, DJANGOS], ids=["ours", "djangos"])
def test_nobody_is_logged_out(previous_world, previous, switched, middleware):
    before, visitor = previous_world.browser("ada"), previous_world.browser()
    thief, browser = copy_of(before), switched(before, middleware=middleware)
    assert [browser.user, browser.user, restarted(visitor).user] == ["ada", "ada", ""]
    assert previous_world.handles(previous_world.ada) == {browser.handle}
    assert keys.is_key(browser.key)
    browser.post("/logout/")
    assert [browser.user, thief.user, thief.user] == ["", "", ""]
    assert previous_world.storage.count() == 0


@pytest.mark.parametrize("previous", DJANGO_KINDS, indirect=True)
def test_logging_in_again_changes_the_key(previous_world, previous, switched):
    before = previous_world.browser("ada")
    thief, browser = copy_of(before), switched(before)
    browser.log_in("ada")
    assert browser.user == "ada"
    assert thief.user == ""
    assert previous_world.handles(previous_world.ada) == {browser.handle}


@pytest.mark.parametrize("previous", DJANGO_KINDS, indirect=True)
def test_a_new_password(previous_world, previous, switched):
    first, second = switched(previous_world.browser("ada"), previous_world.browser("ada"))
    first.run(change if previous_world.handler is Client else achange)
    assert [first.user, second.user] == ["ada", ""]
    assert previous_world.handles(previous_world.ada) == {first.handle}


@pytest.mark.parametrize("previous", DJANGO_KINDS, indirect=True)
def test_log_out_everywhere_ends_sessions_that_were_not_moved_yet(
    previous_world, previous, switched
):
    ada, grace = switched(previous_world.browser("ada"), previous_world.browser("grace"))
    sessions.log_out_everywhere(previous_world.ada)
    assert [ada.user, ada.user, grace.user] == ["", "", "grace"]
    ada.log_in("ada")
    assert ada.user == "ada"


def fail(request):
    assert request.user.get_username() == "ada"
    raise Http404


@pytest.mark.parametrize("world", [Client], indirect=True)
@pytest.mark.parametrize("previous", ["db", "user_sessions"], indirect=True)
def test_a_transaction_that_is_rolled_back(previous_world, previous, switched, monkeypatch):
    """ATOMIC_REQUESTS undoes the deletion in the previous engine. The moved session stays."""
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    before = previous_world.browser("ada")
    thief, browser = copy_of(before), switched(before)
    browser.run(fail, status=404)
    assert browser.user == "ada"
    browser.post("/logout/")
    assert [browser.user, thief.user] == ["", ""]


def test_a_page_that_fails_changes_nothing(previous_world, previous, switched):
    browser = switched(previous_world.browser("ada"))

    def view(request):
        request.user.get_username()
        raise RuntimeError

    async def async_view(request):
        await request.auser()
        raise RuntimeError

    browser.run(view if previous_world.handler is Client else async_view, status=500)
    assert browser.user == "ada"


# Many requests at once, as a browser sends them


KINDS = ["postgres", "cache", "file", "redis_sessions", "ours_redis"]
parallel = pytest.mark.parametrize("previous", KINDS, indirect=True)
ADA = {"_auth_user_id": "7", "cart": [1]}


def request_of(store, key, number):
    """Return a function that does what a request does: read the session and change one field."""

    def run():
        holder = store(key)
        assert holder.get("cart") == [1], "logged out"
        holder[f"field {number}"] = number
        holder.save()

    return run


@parallel
@pytest.mark.thorough
def test_threads(previous, real_storage):
    store = store_on(real_storage)
    for _ in range(10):
        key = previous.keep(**ADA)
        calls = [request_of(store, key, number) for number in range(PARALLEL)]
        assert at_once(calls) == [None] * PARALLEL
        fields = dict(store(key).items())
        assert {**fields, **{f"field {n}": n for n in range(PARALLEL)}} == fields
        assert real_storage.count() == 1
        assert not previous.has(key)
        store(key).flush()
        assert store(key).load() == {}


@pytest.mark.parametrize("previous", ["cache", "file", "redis_sessions", "db"], indirect=True)
def test_tasks(previous, store):
    async def request(key, number):
        holder = store(key)
        assert await holder.aget("cart") == [1], "logged out"
        await holder.aset(f"field {number}", number)
        await holder.asave()

    async def at_once(key):
        await asyncio.gather(*(request(key, number) for number in range(PARALLEL)))

    for _ in range(5):
        key = previous.keep(**ADA)
        asyncio.run(at_once(key))
        fields = dict(store(key).items())
        assert {**fields, **{f"field {n}": n for n in range(PARALLEL)}} == fields
    assert store.storage.count() == 5


def test_a_request_is_cancelled_because_its_client_has_gone(previous, store):
    """The task is cancelled at any point. A user who logs out later stays logged out."""

    async def cancel_load(key, turns):
        task = asyncio.ensure_future(store(key).aload())
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for turns in range(12):
        key = previous.keep(**ADA)
        asyncio.run(cancel_load(key, turns))
        holder = store(key)
        assert holder.get("cart") == [1]
        holder.flush()
        assert store(key).load() == {}
