"""Custom user models in the session browser: other primary keys, tables and admin sites."""

from __future__ import annotations

from urllib.parse import unquote as unquote_url

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.test import RequestFactory
from django.urls import path, resolve

from django_multisession import sessions
from django_multisession.admin import rows, users
from django_multisession.admin.search import Search
from support.admin_site import MARKUP


@pytest.fixture
def office(model, office):
    """An office whose users are instances of this model."""
    return office


@pytest.fixture
def site():
    return admin.AdminSite("other")


@pytest.fixture
def request_():
    return RequestFactory().get("/")


def matching(text, site, request, limit=11):
    return [*users.find_users(text, limit, request=request, site=site)]


class Urls:
    """A root URLconf made for a test."""

    def __init__(self, site):
        self.urlpatterns = [path("other/", site.urls)]


class Members(admin.ModelAdmin):
    search_fields = ("username__istartswith",)


def test_they_are_found(office, model, site, request_):
    ada, grace = office.user("ada"), office.user("grace")
    assert matching("ada", site, request_) == [ada]
    assert matching(str(grace.pk), site, request_) == [grace]
    assert matching("ad", site, request_) == matching("", site, request_) == []
    site.register(model, Members)
    assert matching("AD", site, request_) == [ada]


@pytest.mark.parametrize("text", ["9" * 30, "-1", "x", "é", MARKUP, "1.5", "a" * 300, "[]", "None"])
def test_no_text_breaks_it(office, model, site, request_, text):
    office.user("ada")
    assert matching(text, site, request_) == []
    site.register(model, Members)
    assert matching(text, site, request_) == []


def test_no_more_than_are_wanted(office, model, site, request_):
    users = [office.user(f"clone{number}") for number in range(4)]
    site.register(model, Members)
    assert matching("clone", site, request_, 3) == sorted(users, key=lambda user: user.pk)[:3]


def test_their_sessions_are_found(office, model, site, request_):
    ada = office.user("ada")
    handles = {office.add(ada), office.add(ada)}
    office.add(office.user("grace"))
    for text in ("ada", str(ada.pk), f"user:{ada.pk}"):
        search = Search(text, [], 100, lambda t, n: matching(t, site, request_, n))
        assert {info.handle for info in search.run().infos} == handles, text


def test_rows_know_them(office, model, request_):
    ada, grace = office.user("ada"), office.user("grace")
    handles = {office.add(user): user for user in (ada, grace)}
    gone = office.add(data={"_auth_user_id": "b53ecf85-25e5-4c72-9a8e-ae1f1dd1ef52"})
    shown = rows.make_rows([*sessions.all()], request_)
    assert {row.pk: row.user for row in shown} == {**handles, gone: None}
    assert {row.owner for row in shown} >= {"ada", "grace"}


@pytest.mark.parametrize("key", ["x", "9" * 30, "-1", "é", "a" * 255])
def test_keys_of_another_model(office, model, request_, key):
    office.add(data={"_auth_user_id": key})
    (row,) = rows.make_rows([*sessions.all()], request_)
    assert row.user is None
    assert row.owner == f"user {key}"


@pytest.mark.parametrize("key", ["a_5Fb", "_41", "a/b", "a b", "a?b#c", "50%", "a\"b'", "é", "1"])
def test_the_address_of_their_page(members, site, monkeypatch, settings, key):
    """The URL quotes every key the same way as the admin."""
    model = apps.get_model("members", "Named")
    user = model(username="ada", id=key)
    assert users.change_url(user, site) is None
    site.register(model, Members)
    assert users.change_url(user, site) is None  # the site is not in the URLconf yet
    settings.ROOT_URLCONF = Urls(site)
    asked = resolve(unquote_url(users.change_url(user, site))).kwargs["object_id"]
    assert unquote(asked) == key


def test_no_query_for_nobody(office, request_, django_assert_num_queries):
    office.several(3)
    with django_assert_num_queries(0):
        rows.make_rows([*sessions.all()], request_)


def test_one_query_for_many(office, request_, django_assert_num_queries):
    for number in range(5):
        office.add(office.user(f"clone{number}"))
    with django_assert_num_queries(1):
        rows.make_rows([*sessions.all()], request_)


def test_two_queries_for_a_search(office, model, site, request_, django_assert_max_num_queries):
    site.register(model, Members)
    office.user("ada")
    with django_assert_max_num_queries(2):
        matching("ada", site, request_)
