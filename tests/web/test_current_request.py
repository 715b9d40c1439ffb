"""The current request: known during the request, and only to code that runs in it."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import auth
from django.http import Http404
from django.test import AsyncClient

from django_multisession.web import current_request
from support import auth_pages
from support.auth_pages import achange, change
from support.auth_worlds import DJANGOS, OURS, USER


@pytest.fixture(autouse=True)
def nothing_is_left():
    assert current_request.session() is None
    yield
    assert current_request.session() is None


def look(request):
    return current_request.session() is request.session


async def alook(request):
    return current_request.session() is request.session


async def look_in_a_thread(request):
    return await sync_to_async(current_request.session)() is request.session


def look_in_a_loop(request):
    async def session():
        return current_request.session()

    return async_to_sync(session)() is request.session


VIEWS = [look, alook, look_in_a_thread, look_in_a_loop]
BLOCKING = "support.auth_pages.blocking"


@pytest.mark.parametrize("view", VIEWS)
def test_a_request_knows_itself(world, view):
    assert world.browser().run(view).content == b"True"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("order", [[OURS, BLOCKING], [BLOCKING, OURS]])
def test_a_request_knows_itself_beside_middleware_that_blocks(world, view, settings, order):
    """Django moves the request between threads and event loops for sync and async middleware."""
    settings.MIDDLEWARE = [*order, USER]
    assert world.browser().run(view).content == b"True"


def quit(request):
    raise SystemExit


async def aquit(request):
    raise asyncio.CancelledError


def fail(request):
    raise RuntimeError


async def afail(request):
    raise RuntimeError


def missing(request):
    raise Http404


def lose(request):
    del request.session


@pytest.mark.parametrize("view", [fail, afail, quit, aquit, missing, lose])
def test_nothing_is_left_of_a_view_that_raises(world, view):
    browser = world.browser("ada")
    with suppress(SystemExit, asyncio.CancelledError, AssertionError):
        browser.run(view)
    assert current_request.session() is None
    world.ada.set_password("new")
    world.ada.save()
    assert world.handles(world.ada) == set()


@pytest.mark.parametrize("view", [change, achange])
def test_what_comes_after_the_request_keeps_nothing(world, view):
    browser = world.browser("ada")
    browser.run(view)
    assert world.handles(world.ada) == {browser.handle}
    world.ada.set_password("third")
    world.ada.save()
    assert world.handles(world.ada) == set()


def test_the_next_request_under_djangos_middleware_knows_nothing(world, settings):
    browser = world.browser("ada")
    browser.run(change)
    settings.MIDDLEWARE = [DJANGOS, USER]
    assert world.browser().run(look).content == b"False"


def test_a_request_within_a_request_is_its_own(world):
    """A view may call Django's test client, or one site may mount another."""
    outer, inner = world.browser("ada"), world.browser("grace")

    def script(request):
        inner.run(change)
        assert current_request.session() is request.session
        change(request)

    outer.run(script)
    assert (outer.user, inner.user) == ("ada", "grace")
    assert world.handles(world.ada) == {outer.handle}
    assert world.handles(world.grace) == {inner.handle}


def test_two_middlewares_of_ours_are_harmless(world, settings):
    """A system check reports this mistake; it does no harm."""
    settings.MIDDLEWARE = [OURS, OURS, USER]
    browser, _other = world.browsers("ada", 2)
    browser.run(change)
    assert world.handles(world.ada) == {browser.handle}


def test_requests_in_threads_each_know_their_own(world):
    browsers = world.browsers("ada", 2)
    meet = threading.Barrier(2, timeout=20)
    seen = []

    def script(request):
        meet.wait()
        seen.append(current_request.session() is request.session)
        meet.wait()

    threads = [threading.Thread(target=each.run, args=[script]) for each in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True, True]


def test_requests_in_one_loop_each_know_their_own(world):
    """Concurrent requests in one event loop share a thread."""
    clients = [AsyncClient() for _ in range(3)]
    met = []

    async def script(request):
        met.append(request.session)
        if len(met) == len(clients):
            script.all_are_there.set()
        await script.all_are_there.wait()
        return current_request.session() is request.session

    async def all_at_once():
        auth_pages.script, script.all_are_there = script, asyncio.Event()
        return await asyncio.gather(*(client.post("/arun/") for client in clients))

    responses = async_to_sync(all_at_once)()
    assert [response.content for response in responses] == [b"True"] * 3
    assert len({id(session) for session in met}) == 3


def test_of_two_users_in_one_loop_each_keeps_their_own_session(world):
    others = [*world.browsers("ada", 2), *world.browsers("grace", 2)]
    browsers = [world.browser("ada"), world.browser("grace")]
    clients = [AsyncClient() for _ in browsers]
    for client, browser in zip(clients, browsers, strict=True):
        client.cookies["sessionid"] = browser.key

    async def all_at_once():
        auth_pages.script = achange
        return await asyncio.gather(*(client.post("/arun/") for client in clients))

    assert [each.status_code for each in async_to_sync(all_at_once)()] == [200, 200]
    for client, browser in zip(clients, browsers, strict=True):
        browser.client.cookies = client.cookies
    assert world.handles(world.ada) == {browsers[0].handle}
    assert world.handles(world.grace) == {browsers[1].handle}
    assert [each.user for each in others] == [""] * 4


def test_a_task_that_outlives_its_request_keeps_that_session(world):
    """The task inherits the request's context, whether or not the session still exists."""
    _other, client = world.browser("ada"), AsyncClient()
    went_on = []

    async def later(user):
        await asyncio.sleep(0.01)
        user.set_password("third")
        await user.asave()
        went_on.append(True)

    async def script(request):
        await auth.alogin(request, world.ada, auth_pages.MODEL_BACKEND)
        script.task = asyncio.create_task(later(world.ada))

    async def request_and_task():
        auth_pages.script = script
        await client.post("/arun/")
        await script.task

    async_to_sync(request_and_task)()
    assert went_on == [True]
    assert len(world.handles(world.ada)) == 1
    assert current_request.session() is None
