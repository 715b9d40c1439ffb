"""MULTISESSION_SESSIONS_PER_USER with "end_oldest": sessions that end after one more login."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import alogin
from django.db import connections
from django.test import override_settings

from django_multisession import sessions, signals
from django_multisession.auth import limits
from django_multisession.backends import memory
from support.auth_pages import MODEL_BACKEND, change
from support.auth_worlds import DJANGOS, USER


@pytest.fixture
def world(world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = 2
    return world


def visit(request):
    request.session["cart"] = [1]


def test_the_least_recently_active_ends_and_the_new_one_lives(world):
    first, second = world.browsers("ada", 2)
    assert world.ended == []
    third = world.browser("ada")
    assert world.ended == [(first.handle, "too_many")]
    fourth = world.browser("ada")
    assert world.handles(world.ada) == {third.handle, fourth.handle}
    assert [each.user for each in (first, second, third, fourth)] == ["", "", "ada", "ada"]


def test_one_is_all_there_may_be(world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    browsers = world.browsers("ada", 4)
    assert world.handles(world.ada) == {browsers[-1].handle}
    assert world.reasons() == ["too_many"] * 3


def test_who_was_here_a_moment_ago_stays(world):
    """The last activity counts, not the creation."""
    first, second = world.browsers("ada", 2)
    world.storage.clock.advance(minutes=5)
    assert first.user == "ada"
    third = world.browser("ada")
    assert world.handles(world.ada) == {first.handle, third.handle}
    assert second.user == ""


def test_each_user_has_their_own(world):
    browsers = [*world.browsers("ada", 2), *world.browsers("grace", 2)]
    assert world.ended == []
    assert [each.user for each in browsers] == ["ada", "ada", "grace", "grace"]


def test_all_beyond_end_where_there_were_more(world, settings):
    """Sessions beyond a lowered limit continue until the next login, which ends all of them."""
    settings.MULTISESSION_SESSIONS_PER_USER = None
    browsers = world.browsers("ada", 5)
    settings.MULTISESSION_SESSIONS_PER_USER = 2
    for each in browsers:
        world.storage.clock.advance(seconds=1)
        each.run(visit)
    assert world.ended == []
    new = world.browser("ada")
    assert world.handles(world.ada) == {browsers[-1].handle, new.handle}
    assert world.reasons() == ["too_many"] * 4


def test_a_visitor_who_logs_in_counts_from_then_on(world):
    browsers = world.browsers("ada", 2)
    visitor = world.browser()
    visitor.run(visit)
    assert world.ended == []
    visitor.log_in("ada")
    assert world.handles(world.ada) == {browsers[1].handle, visitor.handle}
    assert world.reasons() == ["too_many"]


def test_visitors_do_not_count(world):
    for _ in range(3):
        world.browser().run(visit)
    assert world.storage.count() == 3
    assert world.ended == []


def test_an_awaited_login(world):
    async def script(request):
        await alogin(request, world.ada, MODEL_BACKEND)

    browsers = world.browsers("ada", 2)
    new = world.browser()
    new.run(script)
    assert world.handles(world.ada) == {browsers[1].handle, new.handle}


def test_logging_in_again_in_one_browser_ends_none(world):
    browsers = world.browsers("ada", 2)
    browsers[0].log_in("ada")
    browsers[0].run(change)
    assert world.reasons() == ["password_changed"]
    assert browsers[0].user == "ada"


def test_changes_and_new_keys_end_none(world):
    browsers = world.browsers("ada", 2)
    for each in browsers:
        each.run(visit)
        each.run(lambda request: request.session.cycle_key())
    assert [each.user for each in browsers] == ["ada", "ada"]
    assert world.reasons() == []


def test_those_that_are_over_do_not_count(world, settings):
    world.browsers("ada", 2)
    world.storage.clock.advance(days=15)
    new = world.browser("ada")
    assert world.reasons() == []
    assert world.handles(world.ada) == {new.handle}


def test_djangos_middleware_makes_no_difference(world, settings):
    settings.MIDDLEWARE = [DJANGOS, USER]
    browsers = world.browsers("ada", 3)
    assert [each.user for each in browsers] == ["", "ada", "ada"]


def test_with_atomic_requests(world, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    browsers = world.browsers("ada", 3)
    assert [each.user for each in browsers] == ["", "ada", "ada"]


def test_at_one_moment_as_many_stay_as_may(world, monkeypatch):
    """If the times are equal, it does not matter which sessions stay."""
    monkeypatch.setattr(world.storage.clock, "advance", lambda **_: None)
    for number in range(1, 6):
        world.browser("ada")
        assert len(world.handles(world.ada)) == min(number, 2)


def test_one_that_gets_a_new_key_meanwhile_ends_all_the_same(world, monkeypatch):
    """A session may get a new key, by a login or a new password, after it was counted."""
    first, _second = world.browsers("ada", 2)
    find = world.storage.find

    def find_and_rotate(*reference):
        found = [*find(*reference)]
        monkeypatch.setattr(world.storage, "find", find)
        memory.SessionStore(first.key).cycle_key()
        return iter(found)

    monkeypatch.setattr(world.storage, "find", find_and_rotate)
    world.browser("ada")
    assert len(world.handles(world.ada)) == 2


# Limits that depend on the user


def test_the_limit_may_depend_on_the_user(world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = "support.auth_pages.limit_of"
    assert len({each.handle for each in world.browsers("ada", 4)}) == 4
    world.browsers("grace", 2)
    assert len(world.handles(world.ada)) == 4
    assert len(world.handles(world.grace)) == 1
    world.ada.is_staff = True
    world.ada.save()
    world.browser("ada")
    assert len(world.handles(world.ada)) == 2


def test_a_user_who_is_gone_is_not_asked_about(world, settings, caplog):
    """A storage may have sessions of users that were deleted by a raw delete or by a restore."""
    settings.MULTISESSION_SESSIONS_PER_USER = "support.auth_pages.limit_of"
    type(world.ada).objects.filter(pk=world.ada.pk)._raw_delete("default")
    sessions.create(world.ada)
    assert "limit_of" not in caplog.text
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


def test_without_a_limit_nobody_is_counted(world, settings, monkeypatch):
    settings.MULTISESSION_SESSIONS_PER_USER = None
    monkeypatch.setattr(world.storage, "find", None)
    assert world.browser("ada").user == "ada"


# Tokens


def test_tokens_count(world):
    first, second = world.browsers("ada", 2)
    world.storage.clock.advance(seconds=1)
    token = sessions.create(world.ada, label="a script")
    assert world.handles(world.ada) == {second.handle, token.handle}
    third, fourth = world.browsers("ada", 2)
    assert world.handles(world.ada) == {third.handle, fourth.handle}
    assert [handle for handle, _ in world.ended] == [first.handle, second.handle, token.handle]
    assert world.reasons() == ["too_many"] * 3


def test_tokens_made_in_a_loop_count(world):
    first, second = world.browsers("ada", 2)
    world.storage.clock.advance(seconds=1)
    token = async_to_sync(sessions.acreate)(world.ada)
    assert world.handles(world.ada) == {second.handle, token.handle}
    assert world.ended == [(first.handle, "too_many")]


def test_tokens_of_nobody_do_not_count(world):
    browsers = world.browsers("ada", 2)
    for _ in range(3):
        sessions.create(data={"cart": [1]})
    assert [each.user for each in browsers] == ["ada", "ada"]


# Receivers


@pytest.mark.parametrize(
    ("limit", "action", "is_connected"),
    [
        (None, "end_oldest", False),
        (2, "refuse", False),
        (2, "end_oldest", True),
        ("support.auth_pages.limit_of", "end_oldest", True),
    ],
)
def test_saves_are_received_only_while_a_limit_ends_sessions(limit, action, is_connected):
    changed = {
        "MULTISESSION_SESSIONS_PER_USER": limit,
        "MULTISESSION_ON_SESSION_LIMIT": action,
    }
    with override_settings(**changed):
        assert is_limit_connected() is is_connected
    assert not is_limit_connected()


def is_limit_connected():
    """Return whether both signals have the receiver; disconnect() returns whether it had."""
    connected = set()
    for signal in (signals.session_created, signals.session_saved):
        is_connected = signal.disconnect(limits.keep_to_limit)
        if is_connected:
            signal.connect(limits.keep_to_limit)
        connected.add(is_connected)
    (is_connected,) = connected
    return is_connected
