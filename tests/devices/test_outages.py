"""Device pages during an outage of the session server."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from support.admin_site import is_logged_in, own, words
from support.device_pages import END_OTHERS, PAGE, STALE, lived_in, url, use_frame
from support.outages import Away, broken, raising_any

SAYS = "Your devices cannot be shown"


@pytest.fixture
def home(home, monkeypatch):
    monkeypatch.setattr(home.storage, "outages", (Away,))
    return home


@pytest.fixture
def other(home, ada):
    return home.add(ada, label="Phone")


@pytest.fixture
def browser(mine, other):
    mine.raise_request_exception = False
    return mine


# Page -> its request, and the storage calls it needs besides `read`.
PAGES = {
    "list": (lambda b, h: b.get(PAGE), {"find"}),
    "rename": (lambda b, h: b.get(url(h, "rename")), set()),
    "renamed": (lambda b, h: b.post(url(h, "rename"), {"label": "x"}), {"update"}),
    "end": (lambda b, h: b.get(url(h, "end")), set()),
    "ended": (lambda b, h: b.post(url(h, "end")), {"delete"}),
    "here": (lambda b, h: b.post(url(own(b), "end")), {"delete"}),
    "others": (lambda b, h: b.get(END_OTHERS), {"find"}),
    "others ended": (lambda b, h: b.post(END_OTHERS), {"delete_matching"}),
    "no device": (lambda b, h: b.get(url("A" * 43, "end")), set()),
}
CASES = [(page, verb) for page, (_, verbs) in PAGES.items() for verb in sorted({"read", *verbs})]


def assert_told(response):
    assert response.status_code == 503
    assert SAYS in words(response)
    assert "you are still signed in" in words(response)
    assert "<server>" not in response.content.decode()
    assert dict(response.cookies) == {}


@pytest.mark.parametrize(("page", "verb"), CASES)
def test_it_is_told_and_nobody_is_logged_out(home, browser, other, monkeypatch, page, verb):
    key = browser.cookies["sessionid"].value
    with monkeypatch.context() as patch:
        broken(patch, home.storage, verb)
        assert_told(PAGES[page][0](browser, other))
    assert browser.cookies["sessionid"].value == key
    assert is_logged_in(browser)
    assert home.ended == []
    assert sessions.get(other).label == "Phone"


@pytest.mark.parametrize("page", ["rename", "renamed", "end", "ended", "no device"])
def test_while_the_device_is_looked_for(home, browser, other, monkeypatch, page):
    """The outage may begin after the user was loaded."""
    read = home.storage.read

    def fail(handle, *names):
        if names == ((),):
            raise Away("no answer from <server>")
        return read(handle, *names)

    monkeypatch.setattr(home.storage, "read", fail)
    assert_told(PAGES[page][0](browser, other))
    assert is_logged_in(browser)


def test_while_the_password_is_confirmed(home, browser, other, monkeypatch):
    home.clock.advance(**STALE)
    with monkeypatch.context() as patch:
        broken(patch, home.storage, "rename")  # the rename to a new key
        assert_told(browser.post(url(other, "end"), {"password": "demo"}))
    assert is_logged_in(browser)
    assert home.is_there(other)


@pytest.mark.parametrize(("page", "verb"), [("one", "delete"), ("others", "delete_matching")])
def test_right_after_the_password_was_confirmed(home, browser, other, monkeypatch, page, verb):
    """The session already has a new key, and the old one is dead, so the cookie must be sent."""
    home.clock.advance(**STALE)
    path = url(other, "end") if page == "one" else END_OTHERS
    with monkeypatch.context() as patch:
        broken(patch, home.storage, verb)
        response = browser.post(path, {"password": "demo"})
    assert response.status_code == 503
    assert SAYS in words(response)
    assert is_logged_in(browser)
    assert home.is_there(other)


def test_sessions_that_are_saved_with_every_request(home, browser, monkeypatch, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    with monkeypatch.context() as patch:
        broken(patch, home.storage, "read")
        assert_told(browser.get(PAGE))
    assert is_logged_in(browser)


def test_it_says_nothing_of_anybody(home, browser, other, monkeypatch):
    broken(monkeypatch, home.storage, "read")
    text = browser.get(url(other, "end")).content.decode()
    assert "ada" not in words(browser.get(PAGE))
    assert "Phone" not in text
    assert other not in text


def test_what_the_server_said_is_for_the_log(home, browser, monkeypatch, caplog):
    broken(monkeypatch, home.storage, "find")
    assert "no answer from" not in browser.get(PAGE).content.decode()
    assert "no answer from <server>" in caplog.text


def test_who_has_no_cookie_is_asked_to_sign_in(home, monkeypatch):
    broken(monkeypatch, home.storage, "read")
    assert home.browser().get(PAGE).status_code == 302


@pytest.mark.parametrize("verb", ["read", "find"])
def test_another_error_is_one(home, browser, monkeypatch, verb):
    broken(monkeypatch, home.storage, verb, ZeroDivisionError)
    response = browser.get(PAGE)
    assert response.status_code == 500
    assert SAYS not in response.content.decode()


def test_in_the_projects_frame(home, browser, settings, tmp_path, monkeypatch):
    """The project's layout is rendered without a user and without a request."""
    text = "OURS {{ user.username }} {% block content %}{% endblock %}"
    use_frame(settings, tmp_path, text)
    broken(monkeypatch, home.storage, "read")
    response = browser.get(PAGE)
    assert_told(response)
    assert words(response).startswith(f"OURS {SAYS}")


def test_what_storages_say_is_known(storage, databases, settings, monkeypatch):
    if not storage.outages:
        pytest.skip("The memory storage is in this process and cannot be down.")
    with lived_in(storage, settings, monkeypatch) as home:
        browser = home.browser(home.user("ada"))
        for error in storage.outages:
            with monkeypatch.context() as patch:
                patch.setattr(storage, "find", raising_any(error))
                assert browser.get(PAGE).status_code == 503
        assert is_logged_in(browser)
