"""Changes of users in Django's admin, by an administrator who may be that user."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.urls import path

from support import auth_pages
from support.auth_worlds import OURS, USER, inhabited

MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
NEW = {"password1": "jR4-unlikely", "password2": "jR4-unlikely"}


class Urls:
    """A URLconf with the pages of auth_pages and the admin."""

    urlpatterns = [path("admin/", admin.site.urls), *auth_pages.urlpatterns]


@pytest.fixture
def world(databases, memory_storage, settings, monkeypatch):
    with inhabited(memory_storage, settings, monkeypatch) as it:
        settings.ROOT_URLCONF = Urls
        settings.MIDDLEWARE = [OURS, USER, MESSAGES]
        it.ada.is_staff = it.ada.is_superuser = True
        it.ada.save()
        yield it
        LogEntry.objects.all().delete()


@pytest.fixture
def browser(world):
    """Return the browser of an administrator."""
    return world.browser("ada")


def users_page(user, page):
    return f"/admin/auth/user/{user.pk}/{page}/"


def fields_of(response):
    """Return the form's data as a browser sends it."""
    form = response.context["adminform"].form
    split = {"last_login", "date_joined"}
    data = {n: form[n].value() for n in form.fields if n not in split and form[n].value()}
    joined = form["date_joined"].value()
    return {**data, "date_joined_0": joined.date(), "date_joined_1": joined.time()}


def test_another_users_password(world, browser):
    elsewhere = world.browsers("grace", 2)
    old = browser.handle
    response = browser.post(users_page(world.grace, "password"), **NEW)
    assert response.status_code == 302
    assert world.reasons() == ["password_changed"] * 2
    assert world.handles(world.ada) == {browser.handle} != {old}
    assert [each.user for each in (browser, *elsewhere)] == ["ada", "", ""]


def test_their_own_password(world, browser):
    other = world.browser("ada")
    browser.post(users_page(world.ada, "password"), **NEW)
    assert world.handles(world.ada) == {browser.handle}
    assert world.reasons() == ["password_changed"]
    assert (browser.user, other.user) == ("ada", "")


def test_no_password_any_more(world, browser):
    elsewhere = world.browser("grace")
    data = {"usable_password": "false", "unset-password": "yes"}
    assert browser.post(users_page(world.grace, "password"), **data).status_code == 302
    world.grace.refresh_from_db()
    assert not world.grace.has_usable_password()
    assert world.handles(world.grace) == set()
    assert elsewhere.user == ""


def test_another_user_is_deactivated(world, browser):
    elsewhere = world.browsers("grace", 2)
    data = fields_of(browser.get(users_page(world.grace, "change")))
    assert data.pop("is_active")
    response = browser.post(users_page(world.grace, "change"), **data)
    assert response.status_code == 302
    assert world.reasons() == ["deactivated"] * 2
    assert [each.user for each in (browser, *elsewhere)] == ["ada", "", ""]


def test_a_form_that_changes_something_else_ends_nothing(world, browser):
    elsewhere = world.browser("grace")
    data = fields_of(browser.get(users_page(world.grace, "change")))
    response = browser.post(users_page(world.grace, "change"), **data, first_name="Grace")
    assert response.status_code == 302
    assert world.ended == []
    assert elsewhere.user == "grace"


def test_another_user_is_deleted(world, browser):
    elsewhere = world.browser("grace")
    response = browser.post(users_page(world.grace, "delete"), post="yes")
    assert response.status_code == 302
    assert world.reasons() == ["deleted"]
    assert (browser.user, elsewhere.user) == ("ada", "")


def test_several_are_deleted(world, browser):
    elsewhere = world.browser("grace")
    data = {"action": "delete_selected", "_selected_action": [world.grace.pk], "post": "yes"}
    response = browser.post("/admin/auth/user/", **data)
    assert response.status_code == 302
    assert world.reasons() == ["deleted"]
    assert elsewhere.user == ""


def test_they_delete_themselves(world, browser):
    response = browser.post(users_page(world.ada, "delete"), post="yes")
    assert response.status_code == 302
    assert world.reasons() == ["deleted"]
    assert browser.user == ""


def test_they_deactivate_themselves(world, browser):
    data = fields_of(browser.get(users_page(world.ada, "change")))
    data.pop("is_active")
    response = browser.post(users_page(world.ada, "change"), **data)
    assert response.status_code == 302
    assert world.reasons() == ["deactivated"]
    assert browser.user == ""
