"""MULTISESSION_ON_SESSION_LIMIT "refuse": refused logins, and the sessions after them."""

from __future__ import annotations

import pytest
from django.contrib.auth import alogin, login
from django.utils import translation

from django_multisession import sessions
from django_multisession.auth import TooManySessions
from django_multisession.auth.limits import check_limit
from support.auth_pages import MODEL_BACKEND
from support.auth_worlds import DJANGOS, PASSWORD, USER

ONE = "You are already signed in on 1 device. Sign out that device first."
TWO = "You are already signed in on 2 devices. Sign out one of them first."


@pytest.fixture
def world(world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = 2
    settings.MULTISESSION_ON_SESSION_LIMIT = "refuse"
    pages = {"403.html": "{{ exception }}"}
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", pages)]},
        }
    ]
    return world


def visit(request):
    request.session["cart"] = [1]


def is_nobody(browser):
    """Return whether the browser's session contains no user."""
    fields = browser.run(lambda request: [*request.session.keys()]).content
    return b"_auth_user" not in fields and browser.user == ""


def test_a_login_too_many_is_forbidden_and_says_why(world, two):
    visitor = world.browser()
    response = visitor.log_in("ada")
    assert (response.status_code, response.content.decode()) == (403, TWO)
    assert is_nobody(visitor)
    assert world.handles(world.ada) == {each.handle for each in two}
    assert [each.user for each in two] == ["ada", "ada"]
    assert world.storage.count() == 2
    assert world.ended == []


def test_a_visitor_who_has_a_session_is_left_without_a_user(world, two):
    visitor = world.browser()
    visitor.run(visit)
    key = visitor.key
    assert visitor.log_in("ada").status_code == 403
    assert is_nobody(visitor)
    visitor.client.cookies["sessionid"] = key
    assert is_nobody(visitor)
    assert world.handles(world.ada) == {each.handle for each in two}


def test_the_next_login_is_refused_too(world, two):
    visitor = world.browser()
    assert [visitor.log_in("ada").status_code for _ in range(3)] == [403] * 3
    assert is_nobody(visitor)


def test_an_awaited_login_is_refused(world, two):
    async def script(request):
        await alogin(request, world.ada, MODEL_BACKEND)

    visitor = world.browser()
    visitor.run(visit)
    assert visitor.run(script, status=403).content.decode() == TWO
    assert is_nobody(visitor)
    assert len(world.handles(world.ada)) == 2


def enter(request):
    with pytest.raises(TooManySessions):
        login(request, enter.user, MODEL_BACKEND)
    assert request.user.is_anonymous


async def aenter(request):
    with pytest.raises(TooManySessions):
        await alogin(request, aenter.user, MODEL_BACKEND)
    assert (await request.auser()).is_anonymous


@pytest.mark.parametrize("script", [enter, aenter])
def test_a_view_that_goes_on_has_nobody_logged_in(world, two, script):
    """A view that catches the error continues without a user, and so does the saved session."""
    script.user = world.ada
    for visitor in (world.browser(), world.browser("grace")):
        visitor.run(script)
        assert is_nobody(visitor)
    assert len(world.handles(world.ada)) == 2


def test_who_is_logged_in_may_log_in_again_in_the_same_browser(world, two):
    for each in (*two, *two):
        assert each.log_in("ada").status_code == 302
    assert world.handles(world.ada) == {each.handle for each in two}
    assert [each.user for each in two] == ["ada", "ada"]


def test_in_a_browser_of_another_user(world, two):
    """Django flushes the other user's session before the login is refused."""
    browser = world.browser("grace")
    assert browser.log_in("ada").status_code == 403
    assert is_nobody(browser)
    assert world.handles(world.grace) == set()


def test_others_log_in(world, two):
    assert world.browser("grace").user == "grace"


@pytest.mark.parametrize("how", ["log out", "expire", "end"])
def test_once_one_has_ended_there_is_room(world, two, how):
    if how == "log out":
        two[0].post("/logout/")
    elif how == "expire":
        world.storage.clock.advance(days=15)
    else:
        sessions.end(two[0].handle)
    assert world.browser("ada").user == "ada"
    assert "too_many" not in world.reasons()


def test_tokens_count(world):
    world.browser("ada")
    sessions.create(world.ada, label="a script")
    assert world.browser().log_in("ada").status_code == 403


def test_djangos_middleware_makes_no_difference(world, settings):
    settings.MIDDLEWARE = [DJANGOS, USER]
    world.browsers("ada", 2)
    visitor = world.browser()
    assert visitor.log_in("ada").status_code == 403
    assert is_nobody(visitor)


def test_djangos_test_client_is_told(world, two):
    with pytest.raises(TooManySessions):
        world.handler().force_login(world.ada)
    with pytest.raises(TooManySessions):
        world.handler().login(username="ada", password=PASSWORD)
    assert len(world.handles(world.ada)) == 2


# Limits that depend on the user


def test_the_limit_may_depend_on_the_user(world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = "support.auth_pages.limit_of"
    world.browsers("ada", 3)
    world.browser("grace")
    response = world.browser().log_in("grace")
    assert (response.status_code, response.content.decode()) == (403, ONE)


def test_who_has_no_limit_is_not_counted(world, settings, monkeypatch):
    settings.MULTISESSION_SESSIONS_PER_USER = "support.auth_pages.limit_of"
    monkeypatch.setattr(world.storage, "find", None)
    assert world.browser("ada").user == "ada"


def test_without_a_limit_nobody_is_refused(world, settings, monkeypatch):
    settings.MULTISESSION_SESSIONS_PER_USER = None
    monkeypatch.setattr(world.storage, "find", None)
    assert world.browser("ada").user == "ada"


# Error messages


def test_the_message_is_in_the_visitors_language(world, two, monkeypatch):
    translated = []

    def ngettext(one, many, number):
        translated.append((one % {"limit": number}, many % {"limit": number}, number))
        return "Schon %(limit)d mal angemeldet."

    monkeypatch.setattr(translation._trans, "ngettext", ngettext)
    response = world.browser().log_in("ada")
    assert response.content.decode() == "Schon 2 mal angemeldet."
    assert translated == [(ONE.replace("1 d", "2 d"), TWO, 2)]


def test_a_form_may_ask_before(world, two):
    """AuthenticationForm checks the limit first and shows the error."""
    visitor = world.browser()
    response = visitor.log_in("ada", path="/politely/")
    assert (response.status_code, response.content.decode()) == (200, TWO)
    assert is_nobody(visitor)
    two[0].post("/logout/")
    assert visitor.log_in("ada", path="/politely/").status_code == 302
    assert visitor.user == "ada"


def test_whoever_asks_may_leave_one_out(world, two):
    with pytest.raises(TooManySessions) as caught:
        check_limit(world.ada)
    assert caught.value.limit == 2
    check_limit(world.ada, keep=two[0].handle)
    check_limit(world.grace)
