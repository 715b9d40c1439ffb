"""Effects of logins on sessions, through Django's handlers, views and functions."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial

import pytest
from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest

from django_multisession import signals
from support.auth_pages import MODEL_BACKEND
from support.auth_worlds import DJANGOS, PASSWORD, USER


def enter(user):
    def script(request):
        auth.login(request, user, MODEL_BACKEND)

    return script


def aenter(user):
    async def script(request):
        await auth.alogin(request, user, MODEL_BACKEND)

    return script


@pytest.fixture(params=[enter, aenter], ids=["login", "alogin"])
def login(request):
    return request.param


def visit(request):
    request.session["cart"] = [1]


def cart(request):
    return request.session.get("cart")


def test_a_visitor_who_logs_in_gets_a_new_key_and_keeps_the_rest(world, login):
    browser = world.browser()
    browser.run(visit)
    old = browser.handle
    browser.run(login(world.ada))
    assert browser.handle != old
    assert world.storage.read(old) is None
    assert world.handles(world.ada) == {browser.handle}
    assert (browser.user, browser.run(cart).content) == ("ada", b"[1]")
    assert world.ended == [(old, "rotated")]


def test_a_key_that_somebody_planted_is_not_taken_over(world, login):
    attacker, victim = world.browser(), world.browser()
    attacker.run(visit)
    victim.client.cookies["sessionid"] = attacker.key
    victim.run(login(world.ada))
    assert (victim.user, attacker.user) == ("ada", "")


def test_logging_in_again_as_the_same_user_gives_a_new_key(world, login):
    browser = world.browser("ada")
    browser.run(visit)
    old = browser.handle
    browser.run(login(world.ada))
    assert browser.handle != old
    assert world.handles(world.ada) == {browser.handle}
    assert browser.run(cart).content == b"[1]"
    assert world.ended == [(old, "rotated")]


def test_logging_in_again_through_djangos_view(world):
    browser = world.browser("ada")
    old = browser.handle
    assert browser.log_in("ada").status_code == 302
    assert browser.handle != old
    assert world.handles(world.ada) == {browser.handle}


def test_logging_in_as_another_ends_the_firsts_session(world, login):
    browser, other = world.browsers("ada", 2)
    browser.run(visit)
    old = browser.handle
    browser.run(login(world.grace))
    assert world.handles(world.ada) == {other.handle}
    assert world.handles(world.grace) == {browser.handle}
    assert (browser.user, browser.run(cart).content) == ("grace", b"")
    assert world.ended == [(old, "logged_out")]


def test_two_logins_in_one_request_leave_one_session(world):
    browser = world.browser("ada")

    def script(request):
        for user in (world.ada, world.grace, world.ada):
            auth.login(request, user, MODEL_BACKEND)

    browser.run(script)
    assert world.handles(world.ada) == {browser.handle}
    assert world.handles(world.grace) == set()
    assert browser.user == "ada"


def test_logging_out_ends_this_session_only(world):
    browser, other = world.browsers("ada", 2)
    browser.post("/logout/")
    assert (browser.user, other.user) == ("", "ada")
    assert world.handles(world.ada) == {other.handle}
    assert world.reasons() == ["logged_out"]


def test_djangos_middleware_makes_no_difference_to_keys(world, login, settings):
    settings.MIDDLEWARE = [DJANGOS, USER]
    browser = world.browser("ada")
    old = browser.handle
    browser.run(login(world.ada))
    assert browser.handle != old
    assert world.handles(world.ada) == {browser.handle}


@pytest.mark.parametrize("engine", ["signed_cookies", "file"])
@pytest.mark.parametrize("limit", ["end_oldest", "refuse"])
def test_djangos_engines_are_left_alone(world, login, settings, tmp_path, engine, limit):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.MIDDLEWARE = [DJANGOS, USER]
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    settings.MULTISESSION_ON_SESSION_LIMIT = limit
    browser, other = world.browser("ada"), world.browser("ada")
    browser.run(login(world.ada))
    assert (browser.user, other.user) == ("ada", "ada")


@pytest.mark.parametrize("request_", [None, HttpRequest()], ids=["no request", "no session"])
def test_logins_without_a_session_are_left_alone(world, settings, request_):
    """An API with another authentication may send user_logged_in without a session."""
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    settings.MULTISESSION_ON_SESSION_LIMIT = "refuse"
    world.browser("ada")
    user_logged_in.send(sender=type(world.ada), request=request_, user=world.ada)
    assert len(world.handles(world.ada)) == 1


def fails(sender, **facts):
    raise RuntimeError("of a receiver")


async def fails_awaited(sender, **facts):
    raise RuntimeError("of a receiver")


EVERY_SIGNAL = (
    signals.session_created,
    signals.session_saved,
    signals.session_ended,
    signals.client_changed,
)


@pytest.fixture
def everywhere():
    """Return a function that connects a receiver to every signal."""
    with ExitStack() as stack:

        def connect(receiver):
            for signal in EVERY_SIGNAL:
                signal.connect(receiver)
                stack.callback(signal.disconnect, receiver)

        yield connect


@pytest.mark.parametrize("receiver", [fails, fails_awaited])
def test_a_receiver_that_fails_is_logged_and_breaks_nothing(
    world, login, everywhere, receiver, caplog
):
    everywhere(receiver)
    browser = world.browser()
    for step in (visit, login(world.ada), login(world.ada), login(world.grace)):
        browser.run(step)
    assert browser.user == "grace"
    assert browser.post("/logout/").status_code == 302
    assert browser.user == ""
    errors = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert {each.name for each in errors} == {"django.dispatch"}
    # created; rotated, saved; rotated; logged out, created; logged out
    assert [str(each.exc_info[1]) for each in errors] == ["of a receiver"] * 7


class Fails:
    """A receiver without a __qualname__, by which Django's dispatcher would log it."""

    def __call__(self, sender, **facts):
        raise RuntimeError("of a receiver")


@pytest.mark.parametrize("receiver", [Fails(), partial(fails)], ids=["object", "partial"])
def test_a_receiver_without_a_name_that_fails_is_logged_and_breaks_nothing(
    world, login, everywhere, receiver, caplog
):
    everywhere(receiver)
    browser = world.browser()
    browser.run(login(world.ada))
    assert browser.user == "ada"
    assert "of a receiver" in caplog.text


def test_the_password_is_still_asked_for(world):
    browser = world.browser()
    assert browser.log_in("ada", f"not {PASSWORD}").status_code != 302
    assert browser.user == ""
