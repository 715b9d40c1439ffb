"""Password changes, by Django's views and forms or in code: they end the user's other sessions."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib import auth
from django.contrib.auth.forms import AdminPasswordChangeForm, SetPasswordForm
from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.tokens import default_token_generator
from django.core.management import call_command
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from django_multisession import signals
from support.auth_pages import achange, change
from support.auth_worlds import NEW, PASSWORD

changes = pytest.mark.parametrize("change", [change, achange])


def reset(browser, user, path="reset"):
    """Follow the link of a password reset mail and set a new password."""
    user.refresh_from_db()
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    response = browser.get(f"/{path}/{uid}/{default_token_generator.make_token(user)}/")
    return browser.post(response.url, **NEW)


# By Django's views


def test_djangos_view_ends_all_others_and_keeps_this_one(world):
    browser, other, third = world.browsers("ada", 3)
    old = browser.handle
    response = browser.post("/password/", old_password=PASSWORD, **NEW)
    assert response.status_code == 302
    assert world.handles(world.ada) == {browser.handle}
    assert browser.handle != old
    assert world.storage.read(old) is None
    assert sorted(world.ended) == sorted(
        [
            (other.handle, "password_changed"),
            (third.handle, "password_changed"),
            (old, "rotated"),
        ]
    )
    assert [each.user for each in (browser, other, third)] == ["ada", "", ""]


def test_a_password_that_is_not_accepted_ends_nothing(world):
    browser, other = world.browsers("ada", 2)
    browser.post("/password/", old_password="wrong", **NEW)
    assert world.handles(world.ada) == {browser.handle, other.handle}
    assert world.ended == []


def test_a_reset_ends_all(world):
    world.browsers("ada", 2)
    visitor = world.browser()
    assert reset(visitor, world.ada).status_code == 302
    assert world.handles(world.ada) == set()
    assert world.reasons() == ["password_changed"] * 2
    assert visitor.user == ""
    assert visitor.log_in("ada", NEW["new_password1"]).status_code == 302


def test_a_reset_that_logs_in_leaves_that_session_only(world):
    world.browsers("ada", 2)
    visitor = world.browser()
    reset(visitor, world.ada, "reset-and-login")
    assert world.handles(world.ada) == {visitor.handle}
    assert world.reasons() == ["password_changed"] * 2
    assert visitor.user == "ada"


def test_a_reset_by_who_is_logged_in(world):
    browser, other = world.browsers("ada", 2)
    reset(browser, world.ada, "reset-and-login")
    assert world.handles(world.ada) == {browser.handle}
    assert (browser.user, other.user) == ("ada", "")
    assert world.reasons() == ["password_changed", "logged_out"]


def test_a_reset_where_somebody_else_is_logged_in(world):
    browser, other = world.browser("grace"), world.browser("ada")
    reset(browser, world.ada)
    assert (browser.user, other.user) == ("grace", "")
    reset(browser, world.ada, "reset-and-login")
    assert browser.user == "ada"
    assert world.handles(world.grace) == set()


# By forms and by code


@changes
def test_in_code_all_others_end_and_this_one_stays(world, change):
    browser, other = world.browsers("ada", 2)
    old = browser.handle
    browser.run(change)
    assert world.handles(world.ada) == {browser.handle}
    assert world.ended == [(other.handle, "password_changed"), (old, "rotated")]
    assert (browser.user, other.user) == ("ada", "")


@changes
def test_others_are_left_alone(world, change):
    others = world.browsers("grace", 2)
    visitor = world.browser()
    visitor.run(lambda request: request.session.update({"cart": [1]}))
    world.browser("ada").run(change)
    assert world.handles(world.grace) == {each.handle for each in others}
    assert world.storage.read(visitor.handle)


@changes
def test_an_administrator_keeps_their_own_session(world, change):
    """Django cycles the administrator's key as if the password were theirs."""
    admin = world.browser("grace")
    world.browsers("ada", 2)
    world.grace.refresh_from_db()

    def script(request):
        return change(request, world.ada)

    async def ascript(request):
        await change(request, world.ada)

    admin.run(ascript if change is achange else script)
    assert world.handles(world.ada) == set()
    assert world.handles(world.grace) == {admin.handle}
    assert admin.user == "grace"
    assert world.reasons() == ["password_changed"] * 2


@pytest.mark.parametrize("form", [SetPasswordForm, AdminPasswordChangeForm])
def test_djangos_forms(world, form):
    names = ("password1", "password2") if form is AdminPasswordChangeForm else tuple(NEW)
    browser, other = world.browsers("ada", 2)

    def script(request):
        filled = form(request.user, dict.fromkeys(names, "jR4-unlikely"))
        assert filled.is_valid()
        filled.save()
        auth.update_session_auth_hash(request, request.user)

    browser.run(script)
    assert world.handles(world.ada) == {browser.handle}
    assert world.reasons() == ["password_changed"]
    assert other.user == ""


def test_taking_the_password_away_is_a_change_too(world):
    """The admin's form can disable logging in with a password."""
    browser, _other = world.browsers("ada", 2)

    def script(request):
        filled = AdminPasswordChangeForm(request.user, {"usable_password": "false"})
        assert filled.is_valid()
        filled.save()
        auth.update_session_auth_hash(request, request.user)

    browser.run(script)
    assert world.handles(world.ada) == {browser.handle}


def test_outside_of_requests_all_end(world):
    """A background task has no request, so no session is kept."""
    world.browsers("ada", 2)
    world.ada.set_password("new")
    world.ada.save()
    assert world.handles(world.ada) == set()


def test_djangos_command_ends_all(world, monkeypatch):
    world.browsers("ada", 2)
    monkeypatch.setattr(changepassword.Command, "_get_pass", lambda *args: "jR4-unlikely")
    call_command("changepassword", "ada", stdout=StringIO())
    assert world.handles(world.ada) == set()


def test_a_receiver_that_fails_spares_no_session(world, caplog):
    def fail(**facts):
        raise RuntimeError("of a receiver")

    browser, *_others = world.browsers("ada", 3)
    signals.session_ended.connect(fail)
    browser.run(change)
    signals.session_ended.disconnect(fail)
    assert world.handles(world.ada) == {browser.handle}
    assert "of a receiver" in caplog.text


@changes
def test_without_a_new_hash_this_session_is_kept_but_of_no_use(world, change):
    """Django itself refuses the session if update_session_auth_hash() is not called."""
    browser, _other = world.browsers("ada", 2)

    def script(request):
        request.user.set_password("new")
        request.user.save()

    async def ascript(request):
        user = await request.auser()
        user.set_password("new")
        await user.asave()

    browser.run(ascript if change is achange else script)
    assert world.handles(world.ada) == {browser.handle}
    assert browser.user == ""


def test_a_request_that_logs_in_and_changes_the_password(world):
    """An invited user may set a password in the request of the first login, before any save."""
    world.browsers("ada", 2)
    visitor = world.browser()

    def script(request):
        auth.login(request, world.ada, "django.contrib.auth.backends.ModelBackend")
        change(request, world.ada)

    visitor.run(script)
    assert world.handles(world.ada) == {visitor.handle}
    assert visitor.user == "ada"
