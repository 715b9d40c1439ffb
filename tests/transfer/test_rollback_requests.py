"""There and back again, as people see it: from Django's engine to ours, as often as it takes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from django_multisession import sessions
from django_multisession.transfer import tombstones
from support import old_engines
from support.auth_pages import achange, change
from support.auth_worlds import DJANGOS, OURS, copy_of, restarted, use
from support.old_engines import OURS as BACKENDS

KINDS = ["db", "cached_db", "cache", "file"]


@pytest.fixture(params=KINDS)
def old(relations, request):
    yield from old_engines.opened(request.param, request)


@pytest.fixture
def world(old, world, settings):
    """Its sessions, when they are ours, are in memory."""
    use(settings, old.engine, DJANGOS)
    return world


@pytest.fixture(autouse=True)
def overlap(monkeypatch):
    """Nobody waits for a version of the project that is on its way out. And the clock of our
    sessions is ahead of Django's here."""
    monkeypatch.setattr(tombstones, "OVERLAP", timedelta(minutes=-1))


@pytest.fixture
def there(world, old, settings):
    """``there(browser)``: our engine is the project's."""

    def go(browser):
        use(settings, f"{BACKENDS}memory", OURS, [old.engine])
        return restarted(browser)

    return go


@pytest.fixture
def back(world, old, settings):
    """``back(browser)``: Django's is, which takes in what is in ours."""

    def go(browser):
        use(settings, f"{BACKENDS}django_{old.kind}", DJANGOS, [f"{BACKENDS}memory"])
        return restarted(browser)

    return go


def test_there_and_back_again(world, there, back):
    browser = world.browser("ada")
    key = browser.key
    for _ in range(3):
        for go in (there, back):
            browser = go(browser)
            assert [browser.user, browser.user] == ["ada", "ada"]
            assert browser.key == key
    assert world.storage.count() == 0


@pytest.mark.parametrize("ways", ["there", "there, back", "there, back, there"])
def test_logged_out_is_logged_out(world, there, back, ways):
    browser = world.browser("ada")
    thief = copy_of(browser)
    for way in ways.split(", "):
        browser = {"there": there, "back": back}[way](browser)
        assert browser.user == "ada"
    browser.post("/logout/")
    thief = restarted(thief)
    assert [browser.user, thief.user] == ["", ""]
    assert [there(thief).user, back(thief).user] == ["", ""]


def test_who_logs_in_after_an_ending_is_not_logged_out_by_the_next_switch(world, there, back):
    """What was ended was ended then: what begins later is another session."""
    browser = there(world.browser("ada"))
    assert browser.user == "ada"
    sessions.log_out_everywhere(world.ada)
    browser = back(browser)
    assert browser.user == ""
    browser.log_in("ada")
    assert browser.user == "ada"
    assert there(browser).user == "ada"


def test_clear_is_not_for_ever(world, there, back):
    there(world.browser())
    sessions.clear()
    browser = back(world.browser())
    browser.log_in("ada")
    assert there(browser).user == "ada"


def test_a_kept_session_is_kept(world, there, back):
    """Who changes the password stays logged in, wherever the sessions go then."""
    browser = there(world.browser("ada"))
    browser.run(change if world.handler is Client else achange)
    for go in (back, there):
        browser = go(browser)
        assert browser.user == "ada"


def test_a_handle_lets_nobody_in(world, there, back):
    """Admins see it, and logs show it."""
    browser = there(world.browser("ada"))
    assert browser.user == "ada"
    thief = back(world.browser())
    thief.client.cookies["sessionid"] = browser.handle
    assert thief.user == ""
    assert back(browser).user == "ada"
