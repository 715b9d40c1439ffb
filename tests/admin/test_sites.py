"""Other projects: a custom admin site, USE_TZ = False, other languages, and no admin at all."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.core.checks import run_checks
from django.urls import path

from django_multisession.admin import SessionAdmin
from django_multisession.models import Session
from support.admin_site import PAGE, action_data, listed, own, session_url, told, who, words


class Urls:
    """The URLs of a project with these admin sites."""

    def __init__(self, *sites):
        admins = [path(f"{site.name}/", site.urls) for site in sites]
        self.urlpatterns = [*admins, path("who/", who)]


@pytest.fixture(params=["alone", "first", "second"])
def desk(office, request, settings):
    """An admin site named "desk": alone, before, or after Django's own."""
    site = admin.AdminSite("desk")
    site.register(Session, SessionAdmin)
    site.register(User, UserAdmin)
    sites = {"alone": [site], "first": [site, admin.site], "second": [admin.site, site]}
    settings.ROOT_URLCONF = Urls(*sites[request.param])
    return site


def of_desk(url):
    return url.replace("/admin/", "/desk/", 1)


class TestSites:
    def test_all_links_stay_in_it(self, desk, office, browser):
        handle = office.add(office.user("ada"))
        response = browser.get(of_desk(PAGE))
        assert response.status_code == 200
        pages = [response, browser.get(of_desk(session_url(handle)))]
        pages.append(browser.get(of_desk(session_url(handle, "delete"))))
        pages.append(browser.post(of_desk(PAGE), action_data("log_out_everywhere", handle)))
        pages.append(browser.get(of_desk(PAGE) + "end-all/"))
        pages.append(browser.get(of_desk(session_url(handle, "history"))))
        for page in pages:
            links = re.findall(r'href="(/[^"]*)"', page.content.decode())
            assert {link.split("/")[1] for link in links} <= {"desk", "static", ""}
            assert any(link.startswith("/desk/") for link in links)

    def test_where_one_lands(self, desk, office, browser):
        handle = office.add()
        url = of_desk(session_url(handle, "delete"))
        assert browser.post(url, {"post": "End"})["Location"] == of_desk(PAGE)
        assert browser.get(url)["Location"] == of_desk(PAGE)
        phrase = {"phrase": "end all sessions"}
        assert browser.post(of_desk(PAGE) + "end-all/", phrase)["Location"] == "/desk/"

    def test_an_outage(self, desk, office, browser, monkeypatch):
        monkeypatch.setattr(office.storage, "outages", (ZeroDivisionError,))
        monkeypatch.setattr(office.storage, "sample", lambda limit: 1 / 0)
        response = browser.get(of_desk(PAGE))
        assert response.status_code == 503
        assert "Sessions are unavailable" in words(response)

    def test_the_page_of_a_user(self, desk, office, browser):
        ada = office.user("ada")
        html = browser.get(f"/desk/auth/user/{ada.pk}/change/").content.decode()
        assert f'href="{of_desk(PAGE)}?q=user:{ada.pk}"' in html


class TestUsers:
    """The link that is added to the admin page of a user."""

    def link(self, browser, user):
        html = browser.get(f"/admin/auth/user/{user.pk}/change/").content.decode()
        assert "History" in html
        found = re.findall(r'<a href="([^"]+)">Sessions</a>', html.partition("object-tools")[2])
        return found[0] if found else None

    def test_it_links_to_their_sessions(self, office, browser):
        ada = office.user("ada")
        handle = office.add(ada)
        office.add()
        assert listed(browser.get(self.link(browser, ada))) == [handle]

    @pytest.mark.parametrize("seen", [True, False])
    def test_for_who_may_see_them(self, office, seen):
        permissions = ["view_user", *["view_session"] * seen]
        browser = office.browser(office.staff("clerk", *permissions))
        assert (self.link(browser, office.user("ada")) is not None) is seen

    def test_where_they_are_registered(self, office, browser, settings):
        site = admin.AdminSite()
        site.register(User, UserAdmin)
        settings.ROOT_URLCONF = Urls(site)
        assert self.link(browser, office.user("ada")) is None

    def test_who_is_to_be_added_has_none(self, browser):
        response = browser.get("/admin/auth/user/add/")
        assert response.status_code == 200
        assert "?q=user:" not in response.content.decode()


def walk(office, browser):
    """Visit every page of the session browser once and return the responses."""
    handle = office.add(office.user("ada"), data={"token": "x"}, label="the tablet")
    office.clock.advance(days=2, hours=3)
    pages = [browser.get(PAGE), browser.get(PAGE, {"q": "ada", "ends": "week"})]
    pages.append(browser.get(session_url(handle)))
    pages.append(browser.post(session_url(handle), {"reveal": "yes"}))
    pages.append(browser.get(session_url(handle, "history")))
    pages.append(browser.get(PAGE + "end-all/"))
    pages.append(browser.post(PAGE, action_data("delete_selected", handle, own(browser))))
    pages.append(browser.post(PAGE, action_data("delete_selected", handle, post="1"), follow=True))
    assert {page.status_code for page in pages} == {200}
    assert not office.is_there(handle)
    return pages


@pytest.mark.parametrize("language", ["de", "he", "ja", "pt-br"])
def test_another_language(office, browser, settings, language):
    settings.LANGUAGE_CODE = language
    pages = walk(office, browser)
    assert all(f'lang="{language}"' in page.content.decode() for page in pages)


def test_times_without_zones(office, browser, settings):
    settings.USE_TZ = False
    walk(office, browser)


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_those_of_the_site(office, settings, use_tz):
    settings.USE_TZ, settings.TIME_ZONE = use_tz, "Asia/Tokyo"
    office.clock.now = datetime(2035, 5, 5, 18, 0, tzinfo=timezone.utc)
    handle = office.add()
    html = office.root().get(session_url(handle)).content.decode()
    assert 'title="May 6, 2035, 3 a.m."' in html
    assert 'datetime="2035-05-05T18:00:01+00:00"' in html


def test_a_site_without_the_page_of_users(office, browser, monkeypatch):
    monkeypatch.delitem(admin.site._registry, User)
    handle = office.add(office.user("ada"))
    assert "ada" in words(browser.get(PAGE))
    assert "/auth/user/" not in browser.get(session_url(handle)).content.decode()


def test_messages_that_are_kept_in_sessions(office, browser, settings):
    """After the own session has ended, messages are stored in a new session."""
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    data = action_data("delete_selected", own(browser), post="1", own="on")
    response = browser.post(PAGE, data, follow=True)
    assert told(response) == ["1 session ended."]
    assert browser.get("/who/").content == b""


def test_the_checks_of_django_find_nothing(databases):
    assert run_checks(include_deployment_checks=False) == []


ALONE = """
import importlib, pkgutil, sys
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django_multisession"],
    MIDDLEWARE=["django_multisession.middleware.SessionMiddleware"],
    SESSION_ENGINE="django_multisession.backends.memory",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()
import django_multisession
from django.core.checks import run_checks

apart = {"django_multisession.admin"}
if django.VERSION < (6,):
    apart.add("django_multisession.tasks")

def load(package):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name not in apart:
            loaded = importlib.import_module(module.name)
            if module.ispkg:
                load(loaded)

load(django_multisession)
assert run_checks() == [], run_checks()
assert "django.contrib.admin" not in sys.modules
"""


def test_without_the_admin_the_rest_works():
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, "-c", ALONE], env=environment, check=True)
