"""Custom user models: other primary keys, proxies, derived tables, no is_active."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

import django_multisession.auth
from support.auth_pages import achange, change
from support.auth_worlds import inhabited


@pytest.mark.parametrize("change", [change, achange])
def test_a_new_password(model, world, change):
    browser, other = world.browsers("ada", 2)
    stranger = world.browser("grace")
    browser.run(change)
    assert world.handles(world.ada) == {browser.handle}
    assert [each.user for each in (browser, other, stranger)] == ["ada", "", "grace"]


def test_one_that_is_deactivated(model, world):
    """If is_active is not a field, update_fields never names it."""
    world.browsers("ada", 2)
    world.ada.is_active = False
    world.ada.save(update_fields=["username"])
    assert world.ended == []
    world.ada.save()
    assert world.handles(world.ada) == set()


def test_one_that_is_deleted(model, world):
    world.browsers("ada", 2)
    stranger = world.browser("grace")
    model.objects.get(username="ada").delete()
    assert world.reasons() == ["deleted"] * 2
    assert stranger.user == "grace"


def test_too_many_sessions(model, world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = 2
    browsers = world.browsers("ada", 3)
    assert [each.user for each in browsers] == ["", "ada", "ada"]


def test_too_many_sessions_refused(model, world, settings):
    settings.MULTISESSION_SESSIONS_PER_USER = 1
    settings.MULTISESSION_ON_SESSION_LIMIT = "refuse"
    world.browser("ada")
    visitor = world.browser()
    assert visitor.log_in("ada").status_code == 403
    assert visitor.user == ""


@pytest.mark.parametrize("model", ["Numbered"], indirect=True)
def test_those_that_are_deleted_along_with_something_else(model, world, members):
    world.ada.club = members.get_model("Club").objects.create(name="chess")
    world.ada.save()
    world.browsers("ada", 2)
    stranger = world.browser("grace")
    world.ada.club.delete()
    assert world.reasons() == ["deleted"] * 2
    assert stranger.user == "grace"


# Models that derive from the user model


@pytest.fixture
def friend(members, world):
    return members.get_model("Friend").objects.get(username="ada")


@pytest.fixture
def customer(members, world):
    it = members.get_model("Customer")(user_ptr=world.ada, number="1")
    it.__dict__.update({k: v for k, v in vars(world.ada).items() if k != "_state"})
    it.save()
    return it


@pytest.fixture(params=["friend", "customer"])
def derived(request):
    return request.getfixturevalue(request.param)


def test_a_new_password_set_by_a_model_derived_from_it(world, derived):
    browser, other = world.browsers("ada", 2)

    def script(request):
        derived.set_password("new")
        derived.save()

    browser.run(script)
    assert world.ended == [(other.handle, "password_changed")]
    assert world.handles(world.ada) == {browser.handle}


def test_deactivated_by_a_model_derived_from_it(world, derived):
    world.browsers("ada", 2)
    derived.is_active = False
    derived.save(update_fields=["is_active"])
    assert world.reasons() == ["deactivated"] * 2


def test_deleted_by_a_model_derived_from_it(world, derived):
    world.browsers("ada", 2)
    derived.delete()
    assert world.reasons() == ["deleted"] * 2
    assert world.handles(world.ada) == set()


def test_what_is_beside_the_user_may_go_alone(world, customer):
    """Deleting only the derived row keeps the user, and so the sessions."""
    browser = world.browser("ada")
    customer.delete(keep_parents=True)
    assert world.ended == []
    assert browser.user == "ada"


def test_one_that_knows_no_is_active(memory_storage, databases, settings, monkeypatch):
    """A user without is_active counts as active, as in Django."""
    with inhabited(memory_storage, settings, monkeypatch) as world:
        browser = world.browser("ada")
        bare = SimpleNamespace(pk=world.ada.pk, _password=None)
        saved = {"created": False, "using": "default", "raw": False, "update_fields": None}
        django_multisession.auth.user_saved(bare, **saved)
        assert browser.user == "ada"
        bare._password = "new"
        django_multisession.auth.user_saved(bare, **saved)
        assert world.handles(world.ada) == set()


BARE = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django_multisession"],
    SESSION_ENGINE="django_multisession.backends.memory",
)
django.setup()

from django_multisession.backends.memory import SessionStore

session = SessionStore()
session["cart"] = [1]
session.save()
assert SessionStore(session.session_key)["cart"] == [1]
"""


def test_a_project_without_users_has_sessions_too():
    """Like Django's session app, this one works without django.contrib.auth."""
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
