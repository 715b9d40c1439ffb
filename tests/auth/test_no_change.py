"""Saves of users that do not change the password, and projects that leave logouts to Django."""

from __future__ import annotations

import pytest
from django.contrib import auth
from django.contrib.auth import get_user_model

from support.auth_pages import achange, change
from support.auth_worlds import DJANGOS, PASSWORD, USER

changes = pytest.mark.parametrize("change", [change, achange])


def rename(request):
    request.user.first_name = "Ada"
    request.user.save()


def set_and_keep_to_oneself(request):
    request.user.set_password("new")


def save_something_else(request):
    request.user.set_password("new")
    request.user.save(update_fields=["last_login"])


async def asave_something_else(request):
    user = await request.auser()
    user.set_password("new")
    await user.asave(update_fields=["last_login"])


@pytest.mark.parametrize(
    "script", [rename, set_and_keep_to_oneself, save_something_else, asave_something_else]
)
def test_no_password_is_stored(world, two, script):
    two[0].run(script)
    assert [each.user for each in two] == ["ada", "ada"]
    assert world.ended == []


def test_the_password_alone(world, two):
    def script(request):
        request.user.set_password("new")
        request.user.save(update_fields=["password"])

    two[0].run(script)
    assert world.handles(world.ada) == {two[0].handle}


def test_a_password_that_is_stored_later(world, two):
    """Django clears the plain text on the first save, which does not store the new password."""

    def script(request):
        request.user.set_password("new")
        request.user.save(update_fields=["last_login"])
        request.user.save()

    two[0].run(script)
    assert world.handles(world.ada) == {two[0].handle}


def test_a_second_save_ends_nothing_more(world, two):
    def script(request):
        change(request)
        other = world.browser()
        other.log_in("ada", "new")
        script.other = other.handle
        request.user.save()

    two[0].run(script)
    assert world.handles(world.ada) == {two[0].handle, script.other}


def upgrade(request):
    return request.user.check_password(PASSWORD)


async def aupgrade(request):
    return await (await request.auser()).acheck_password(PASSWORD)


@pytest.mark.parametrize("script", [upgrade, aupgrade])
def test_another_hash_of_the_same_password(world, two, settings, script):
    """Checking a password stores a new hash if the hasher has changed.

    That ends no session, although Django itself no longer accepts them.
    """
    kept = world.handles(world.ada)
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        *settings.PASSWORD_HASHERS,
    ]
    assert two[0].run(script).content == b"True"
    world.ada.refresh_from_db()
    assert world.ada.password.startswith("scrypt$")
    assert world.handles(world.ada) == kept
    assert world.ended == []


def test_a_new_user_has_no_sessions_to_end(world, two, monkeypatch):
    monkeypatch.setattr(world.storage, "delete_matching", None)
    manager = get_user_model()._default_manager
    linus = manager.create_user("linus", password="demo")
    eve = get_user_model()(username="eve")
    eve.set_password("demo")
    eve.save()
    manager.filter(pk__in=[linus.pk, eve.pk])._raw_delete("default")


# Logouts by Django


@changes
def test_the_setting_switches_it_off(world, two, settings, change):
    settings.MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE = False
    two[0].run(change)
    assert world.handles(world.ada) == {each.handle for each in two}
    assert world.reasons() == []
    assert [each.user for each in two] == ["ada", ""]


@changes
def test_with_djangos_middleware_it_is_left_to_django(world, two, settings, change):
    """Django's middleware does not say which session to keep, so none is ended."""
    settings.MIDDLEWARE = [DJANGOS, USER]
    two[0].run(change)
    assert world.handles(world.ada) == {each.handle for each in two}
    assert world.reasons() == []
    assert [each.user for each in two] == ["ada", ""]


@changes
def test_a_projects_own_middleware_derived_from_ours_is_ours(world, settings, change):
    settings.MIDDLEWARE = ["support.auth_pages.OurMiddleware", USER]
    two = world.browsers("ada", 2)
    two[0].run(change)
    assert world.handles(world.ada) == {two[0].handle}
    assert [each.user for each in two] == ["ada", ""]


@pytest.mark.parametrize("engine", ["signed_cookies", "file", "no.such.engine"])
def test_users_are_saved_whatever_the_engine(world, two, settings, tmp_path, engine):
    name = engine if "." in engine else f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_ENGINE = name
    kept = world.handles(world.ada)
    world.ada.set_password("new")
    world.ada.save()
    world.ada.is_active = False
    world.ada.save()
    get_user_model()._default_manager.get(username="ada").delete()
    assert world.handles(world.ada) == kept


@pytest.mark.parametrize("references", [{}, {"org": "org_id"}])
def test_users_are_saved_where_sessions_are_nobodys(world, two, settings, references):
    settings.MULTISESSION_REFERENCES = references
    two[0].run(change)
    assert [each.user for each in two] == ["ada", ""]
    world.ada.is_active = False
    world.ada.save()
    world.ada.delete()


def test_a_user_of_another_name_in_the_references(world, settings):
    """A callable may compute the user reference."""
    settings.MULTISESSION_REFERENCES = {"user": f"{__name__}.user_of"}
    browsers = world.browsers("ada", 2)
    browsers[0].run(change)
    assert world.handles(world.ada) == {browsers[0].handle}


def user_of(fields):
    return fields.get(auth.SESSION_KEY)
