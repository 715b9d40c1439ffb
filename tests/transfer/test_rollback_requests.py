"""Switching to an engine of this package and back to Django's, several times, in browsers."""

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
def previous(relations, request):
    yield from old_engines.opened(request.param, request)


@pytest.fixture(autouse=True)
def overlap(monkeypatch):
    """Let no older version of the project run beside the new one.

    The overlap is negative because these tests set this package's clock ahead of Django's.
    """
    monkeypatch.setattr(tombstones, "OVERLAP", timedelta(minutes=-1))


@pytest.fixture
def switch(previous_world, previous, settings):
    """``switch(browser)``: change to this package's engine and return the browser, restarted."""

    def switch(browser):
        use(settings, f"{BACKENDS}memory", OURS, [previous.engine])
        return restarted(browser)

    return switch


@pytest.fixture
def roll_back(previous_world, previous, settings):
    """``roll_back(browser)``: change to Django's engine, and restart the browser."""

    def roll_back(browser):
        use(settings, f"{BACKENDS}django_{previous.kind}", DJANGOS, [f"{BACKENDS}memory"])
        return restarted(browser)

    return roll_back


def test_nobody_is_logged_out(previous_world, switch, roll_back):
    browser = previous_world.browser("ada")
    key = browser.key
    for _ in range(3):
        for change_engine in (switch, roll_back):
            browser = change_engine(browser)
            assert [browser.user, browser.user] == ["ada", "ada"]
            assert browser.key == key
    assert previous_world.storage.count() == 0


@pytest.mark.parametrize("changes", ["switch", "switch, roll_back", "switch, roll_back, switch"])
def test_a_user_who_logged_out_stays_logged_out(previous_world, switch, roll_back, changes):
    browser = previous_world.browser("ada")
    thief = copy_of(browser)
    for change_engine in changes.split(", "):
        browser = {"switch": switch, "roll_back": roll_back}[change_engine](browser)
        assert browser.user == "ada"
    browser.post("/logout/")
    thief = restarted(thief)
    assert [browser.user, thief.user] == ["", ""]
    assert [switch(thief).user, roll_back(thief).user] == ["", ""]


def test_a_login_after_log_out_everywhere_survives_the_next_switch(
    previous_world, switch, roll_back
):
    """The tombstone applies to sessions that existed when it was added, not to later ones."""
    browser = switch(previous_world.browser("ada"))
    assert browser.user == "ada"
    sessions.log_out_everywhere(previous_world.ada)
    browser = roll_back(browser)
    assert browser.user == ""
    browser.log_in("ada")
    assert browser.user == "ada"
    assert switch(browser).user == "ada"


def test_a_login_after_clear_survives_the_next_switch(previous_world, switch, roll_back):
    switch(previous_world.browser())
    sessions.clear()
    browser = roll_back(previous_world.browser())
    browser.log_in("ada")
    assert switch(browser).user == "ada"


def test_a_kept_session_is_kept(previous_world, switch, roll_back):
    """A user who changes the password stays logged in, through every switch."""
    browser = switch(previous_world.browser("ada"))
    browser.run(change if previous_world.handler is Client else achange)
    for change_engine in (roll_back, switch):
        browser = change_engine(browser)
        assert browser.user == "ada"


def test_a_handle_logs_nobody_in(previous_world, switch, roll_back):
    """Handles are public: administrators see them, and logs contain them."""
    browser = switch(previous_world.browser("ada"))
    assert browser.user == "ada"
    thief = roll_back(previous_world.browser())
    thief.client.cookies["sessionid"] = browser.handle
    assert thief.user == ""
    assert roll_back(browser).user == "ada"
