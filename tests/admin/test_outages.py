"""The session browser while the server that stores sessions is unavailable."""

from __future__ import annotations

import pytest
from django.db import Error

from support.admin_site import (
    PAGE,
    action_data,
    end_all_url,
    log_entries,
    opened,
    own,
    session_url,
    words,
)
from support.outages import Away, broken, raising_any
from support.subjects import BLOCKING_VERBS

SAYS = "Sessions are unavailable"


@pytest.fixture
def office(office, monkeypatch):
    monkeypatch.setattr(office.storage, "outages", (Away,))
    return office


@pytest.fixture
def handle(office):
    return office.add(office.user("ada"), data={"token": 1})


@pytest.fixture
def browser(office, handle):
    browser = office.root()
    browser.get(PAGE)  # the session is touched and has its device now
    browser.raise_request_exception = False
    return browser


# Page -> the request, and the storage verbs that it needs besides `read`.
PAGES = {
    "list": (lambda b, h: b.get(PAGE), {"sample"}),
    "user": (lambda b, h: b.get(PAGE, {"q": "ada"}), {"find"}),
    "handle": (lambda b, h: b.get(PAGE, {"q": h}), set()),
    "detail": (lambda b, h: b.get(session_url(h)), set()),
    "reveal": (lambda b, h: b.post(session_url(h), {"reveal": "1"}), set()),
    "history": (lambda b, h: b.get(session_url(h, "history")), set()),
    "ask": (lambda b, h: b.get(session_url(h, "delete")), set()),
    "delete": (lambda b, h: b.post(session_url(h, "delete"), {"post": "1"}), {"delete"}),
    "end": (lambda b, h: b.post(PAGE, action_data("delete_selected", h, post="1")), {"delete"}),
    "out": (lambda b, h: b.post(PAGE, everywhere(h)), {"sample", "delete_matching"}),
    "all": (lambda b, h: b.post(end_all_url(), {"phrase": "end all sessions"}), {"clear"}),
}
CASES = [(page, verb) for page, (_, verbs) in PAGES.items() for verb in sorted({"read", *verbs})]


def everywhere(handle):
    return action_data("log_out_everywhere", handle, post="1")


@pytest.mark.parametrize(("page", "verb"), CASES)
def test_it_is_told(office, browser, handle, monkeypatch, page, verb):
    """If `read` fails, the session of the administrator cannot be loaded either."""
    key = browser.cookies["sessionid"].value
    with monkeypatch.context() as patch:
        broken(patch, office.storage, verb)
        response = PAGES[page][0](browser, handle)
    assert response.status_code == 503
    assert SAYS in words(response)
    assert "Traceback" not in response.content.decode()
    assert "<server>" not in response.content.decode()
    assert dict(response.cookies) == {}
    assert browser.cookies["sessionid"].value == key
    assert office.ended == log_entries() == [] or page == "reveal"
    assert browser.get(PAGE).status_code == 200
    assert office.is_there(handle)


def test_every_verb_that_a_page_may_need_is_among_them():
    """The other verbs are used by requests of visitors and by scheduled commands."""
    rest = {*BLOCKING_VERBS} - {verb for _, verb in CASES}
    assert rest == {
        *(
            "insert",
            "update",
            "rename",
            "page",
            "pages",
            "count",
            "purge",
            "diagnose",
            "acquire_lease",
            "active_leases",
        )
    }


def test_the_second_page(office, browser, monkeypatch):
    cursor = "2026-01-01T00:00:00.000000+00:00 x"
    broken(monkeypatch, office.storage, "page")
    response = browser.get(PAGE, {"p": cursor})
    assert response.status_code == 503


def test_it_says_nothing_of_anybody(office, browser, handle, monkeypatch):
    broken(monkeypatch, office.storage, "read")
    text = words(browser.get(session_url(handle)))
    assert "root" not in text
    assert "ada" not in text
    assert handle not in text


def test_what_the_server_said_is_for_the_log(office, browser, monkeypatch, caplog):
    """Anybody can cause the page with a made-up cookie, so it must not show server addresses."""
    broken(monkeypatch, office.storage, "read")
    stranger = office.browser()
    stranger.raise_request_exception = False
    stranger.cookies["sessionid"] = "a" * 32
    response = stranger.get(PAGE)
    assert response.status_code == 503
    assert "no answer from" not in words(response)
    assert "no answer from" in caplog.text


def test_who_has_no_cookie_is_asked_to_log_in(office, browser, monkeypatch):
    for verb in BLOCKING_VERBS:
        broken(monkeypatch, office.storage, verb)
    response = office.browser().get(PAGE)
    assert response.status_code == 302


def test_sessions_that_are_saved_with_every_request(office, browser, handle, monkeypatch, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    broken(monkeypatch, office.storage, "read")
    response = browser.get(PAGE)
    assert response.status_code == 503
    assert dict(response.cookies) == {}


@pytest.mark.parametrize("error", [RuntimeError, ZeroDivisionError, Error])
@pytest.mark.parametrize("verb", ["read", "sample"])
def test_another_error_is_one(office, browser, monkeypatch, verb, error):
    """Errors of the program or of another server are not an outage of the sessions."""
    broken(monkeypatch, office.storage, verb, error)
    response = browser.get(PAGE)
    assert response.status_code == 500
    assert SAYS not in words(response)


def test_other_pages_of_the_admin_do_not_change(office, browser, monkeypatch):
    broken(monkeypatch, office.storage, "read")
    assert browser.get("/admin/").status_code == 500


def test_in_another_language(office, browser, monkeypatch, settings):
    settings.LANGUAGE_CODE = "he"
    broken(monkeypatch, office.storage, "read")
    response = browser.get(PAGE)
    assert response.status_code == 503
    assert 'dir="rtl"' in response.content.decode()


def test_what_storages_say_is_known(storage, databases, settings, monkeypatch):
    """Each storage declares the exceptions that its client raises in an outage."""
    if not storage.outages:
        pytest.skip("The memory storage has no outages.")
    with opened(storage, settings, monkeypatch) as office:
        browser = office.root()
        mine = own(browser)
        for error in storage.outages:
            with monkeypatch.context() as patch:
                patch.setattr(storage, "sample", raising_any(error))
                response = browser.get(PAGE)
            assert response.status_code == 503
        assert office.is_there(mine)
