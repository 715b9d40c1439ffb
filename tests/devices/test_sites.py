"""Device pages in different projects: layouts, languages, handlers, user models, missing apps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.backends import signed_cookies
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient

from support.admin_site import is_logged_in, own, told, words
from support.device_pages import (
    END_OTHERS,
    PAGE,
    STALE,
    listed,
    lived_in,
    url,
    use_frame,
    use_templates,
)

MESSAGES = "django.contrib.messages"
OURS = "django_multisession.middleware.BearerSessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"


def walk(home, browser, other):
    """Return the responses of all pages and forms. Signs out all other devices."""
    pages = [browser.get(each) for each in (PAGE, END_OTHERS, url(other, "rename"))]
    pages.append(browser.get(url(other, "end")))
    pages.append(browser.post(url(other, "rename"), {"label": "x"}, follow=True))
    pages.append(browser.post(url(other, "end"), follow=True))
    home.clock.advance(**STALE)
    pages.append(browser.post(END_OTHERS))  # asks for the password
    pages.append(browser.post(END_OTHERS, {"password": "demo"}, follow=True))
    assert {page.status_code for page in pages} == {200}
    assert listed(pages[-1]) == [own(browser)]
    return [*pages, browser.get(url(other, "end"))]  # not found


@pytest.fixture
def other(home, ada, mine):
    home.add(ada)
    return home.add(ada)


class TestFrame:
    def test_it_stands_on_its_own(self, home, mine, other):
        for page in walk(home, mine, other):
            html = page.content.decode()
            assert html.startswith("<!doctype html>")
            assert '<html lang="en" dir="ltr">' in html
            assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
            assert re.search(r"<title>\S.*</title>", html)
            assert len(re.findall("<h1", html)) == 1

    def test_pages_have_titles_of_their_own(self, mine, other):
        pages = [PAGE, END_OTHERS, url(other, "rename"), url(other, "end"), url("x", "end")]
        titles = {re.findall("<title>(.*)</title>", mine.get(p).content.decode())[0] for p in pages}
        assert len(titles) == 5

    def test_its_style_sheets_are_there(self, mine):
        html = mine.get(PAGE).content.decode()
        sheets = re.findall(r'rel="stylesheet" href="/static/(.*?)"', html)
        assert sheets == ["django_multisession/frame.css", "django_multisession/devices.css"]
        assert all(finders.find(sheet) for sheet in sheets)

    def test_nothing_comes_from_elsewhere_and_no_script_is_needed(self, home, mine, other):
        for page in walk(home, mine, other):
            html = page.content.decode()
            assert not re.search(r"<script|\bon\w+=|style=|https?://|//\w+\.", html)

    def test_every_colour_may_be_the_projects(self):
        css = Path(finders.find("django_multisession/devices.css")).read_text()
        ours = {*re.findall(r"^ +--([\w-]+):", css, re.MULTILINE)}
        theirs = {*re.findall(r"--([\w-]+): var\(--multisession-\1, ", css)}
        assert ours == theirs
        assert ours >= {"accent", "danger", "card", "line"}


class TestOwnFrame:
    @pytest.fixture(autouse=True)
    def frame(self, home, settings, tmp_path):
        text = (
            "<title>{% block title %}{% endblock %} - Shop</title>"
            "{{ user.username }}: {% for message in messages %}{{ message }}{% endfor %}"
            "{% block content %}{% endblock %}"
        )
        use_frame(settings, tmp_path, text)

    def test_all_pages_are_in_it(self, home, mine, other):
        for page in walk(home, mine, other):
            text = page.content.decode()
            assert text.lstrip().startswith("<title>")
            assert " - Shop</title>ada:" in text
            assert "frame.css" not in text
            assert "devices.css" in text

    def test_it_shows_the_messages(self, mine, other):
        response = mine.post(url(other, "end"), follow=True)
        assert "ada: \u2068Firefox on Linux\u2069 is signed out." in response.content.decode()


class TestOwnViews:
    """The subclass of a view in device_pages."""

    @pytest.fixture(autouse=True)
    def template(self, home, settings, tmp_path):
        (tmp_path / "own_end.html").write_text(
            "{{ device.name }}?{{ login_url }}?{% if form.needs_login %}login{% endif %}"
        )
        use_templates(settings, tmp_path)

    def test_fewer_on_a_page(self, mine, other):
        assert len(listed(mine.get("/few/"))) == 2

    def test_another_template_and_another_way_back(self, home, mine, other):
        assert mine.get(f"/own/{other}/end/").content.startswith(b"Firefox on Linux?")
        response = mine.post(f"/own/{other}/end/")
        assert (response.status_code, response.url) == (302, "/who/")
        assert not home.is_there(other)

    def test_another_page_to_sign_in(self, home, ada, mine, other):
        """The view's login_url is used for visitors and for signing in again."""
        page = f"/own/{other}/end/"
        assert home.browser().get(page).url == f"/sso/?next={page}"
        assert mine.get(page).content == f"Firefox on Linux?/sso/?next={page}?".encode()

    def test_they_are_as_safe(self, home, mine):
        hers = home.add(home.user("grace"))
        assert mine.post(f"/own/{hers}/end/").status_code == 404
        assert "no-store" in mine.get(f"/own/{hers}/end/")["Cache-Control"]


@pytest.mark.parametrize(
    ("language", "tag", "direction"),
    [("de", "de", "ltr"), ("he", "he", "rtl"), ("zh-hans", "zh-hans", "ltr")],
)
def test_another_language(mine, other, settings, language, tag, direction):
    settings.LANGUAGE_CODE = language
    for page in (PAGE, END_OTHERS, url(other, "rename"), url(other, "end"), url("x", "end")):
        assert f'<html lang="{tag}" dir="{direction}">' in mine.get(page).content.decode()


def test_the_language_that_is_asked_for(mine):
    page = mine.get(PAGE, headers={"accept-language": "de"})
    assert '<html lang="de"' in page.content.decode()
    assert "Your devices" not in words(page)


@pytest.mark.thorough
def test_times_without_zones(home, mine, other, settings):
    settings.USE_TZ = False
    walk(home, mine, other)


def test_without_messages(home, mine, other, settings):
    """The pages work without the messages app, its middleware and its context processor."""
    settings.INSTALLED_APPS = [
        each for each in settings.INSTALLED_APPS if each not in (MESSAGES, "django.contrib.admin")
    ]
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if MESSAGES not in each]
    use_templates(settings, without=MESSAGES)
    browser = home.browser()
    browser.cookies = mine.cookies
    walk(home, browser, other)


@pytest.mark.thorough
def test_messages_that_are_kept_in_sessions(home, mine, other, settings):
    settings.MESSAGE_STORAGE = f"{MESSAGES}.storage.session.SessionStorage"
    response = mine.post(url(other, "end"), follow=True)
    assert told(response) == ["\u2068Firefox on Linux\u2069 is signed out."]
    walk(home, mine, home.add(data={"_auth_user_id": mine.session["_auth_user_id"]}))


@pytest.mark.thorough
def test_sessions_that_are_saved_with_every_request(home, mine, other, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    walk(home, mine, other)


class InLoops:
    """An ASGI client with the interface of the sync client."""

    def __init__(self, user):
        self.client = AsyncClient()
        self.client.force_login(user)

    def __getattr__(self, name):
        method = getattr(self.client, name)
        return async_to_sync(method) if name in ("get", "post") else method

    @property
    def cookies(self):
        return self.client.cookies


def test_over_asgi(home, ada, other):
    walk(home, InLoops(ada), other)


def test_to_sign_out_here_over_asgi(home, ada):
    browser = InLoops(ada)
    assert browser.post(url(own(browser), "end")).status_code == 302
    assert not is_logged_in(browser)


@pytest.mark.thorough
def test_other_models_of_users(model, memory_storage, settings, monkeypatch):
    with lived_in(memory_storage, settings, monkeypatch) as home:
        ada, grace = home.user("ada"), home.user("grace")
        browser, hers = home.browser(ada), home.add(grace)
        assert browser.post(url(hers, "end")).status_code == 404
        home.add(ada)
        walk(home, browser, home.add(ada))
        assert home.is_there(hers)
        model.objects.all()._raw_delete("default")


class TestMistakes:
    def test_djangos_own_engine_knows_nothing_of_it(self, ada, settings, client):
        settings.SESSION_ENGINE = signed_cookies.__name__
        settings.MIDDLEWARE = [each.replace(OURS, DJANGOS) for each in settings.MIDDLEWARE]
        client.force_login(ada)
        for page in (PAGE, END_OTHERS, url("A" * 43, "end")):
            with pytest.raises(ImproperlyConfigured, match="SESSION_ENGINE 'django"):
                client.get(page)

    @pytest.mark.parametrize("references", [{}, {"org": "org_id"}])
    def test_sessions_that_belong_to_nobody(self, mine, settings, references):
        settings.MULTISESSION_REFERENCES = references
        for page in (PAGE, END_OTHERS):
            with pytest.raises(ValueError, match="MULTISESSION_REFERENCES has no 'user'"):
                mine.get(page)
