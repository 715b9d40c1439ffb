"""Ending one session from its page, and ending all sessions."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import DELETION, LogEntry

from support.admin_site import (
    PAGE,
    end_all_url,
    is_logged_in,
    log_entries,
    opened,
    own,
    session_url,
    told,
    words,
)

PHRASE = "end all sessions"


class TestOne:
    def test_it_asks(self, office, browser):
        handle = office.add(label="the tablet")
        response = browser.get(session_url(handle, "delete"))
        assert response.status_code == 200
        assert "the tablet" in words(response)
        assert 'name="post"' in response.content.decode()
        assert browser.post(session_url(handle, "delete")).status_code == 200
        assert browser.post(session_url(handle, "delete"), {"reason": "x"}).status_code == 200
        assert office.is_there(handle)

    def test_it_ends(self, office, browser):
        handle, other = office.add(), office.add()
        data = {"post": "End", "reason": "lost"}
        response = browser.post(session_url(handle, "delete"), data, follow=True)
        assert response.redirect_chain == [(PAGE, 302)]
        assert told(response) == ["1 session ended."]
        assert office.ended == [(handle, "ended_by_admin")]
        assert office.is_there(other)
        assert log_entries() == [("root", handle, DELETION, "Ended. lost")]

    def test_what_is_selected_elsewhere_is_left_alone(self, office, browser):
        handle, other = office.add(), office.add()
        browser.post(session_url(handle, "delete"), {"post": "End", "_selected_action": [other]})
        assert office.is_there(other)
        assert not office.is_there(handle)

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_it_has_ended_already(self, office, browser, method):
        for page in ("delete", "change"):
            response = getattr(browser, method)(session_url("A" * 43, page), {"post": "End"})
            assert response["Location"] == PAGE
            assert "This session has ended." in told(browser.get(PAGE))
        assert log_entries() == []

    def test_ones_own(self, office, browser):
        mine = own(browser)
        url = session_url(mine, "delete")
        assert "I understand that this also logs me out" in words(browser.get(url))
        assert browser.post(url, {"post": "End"}).status_code == 200
        assert is_logged_in(browser)
        response = browser.post(url, {"post": "End", "own": "on"}, follow=True)
        assert response.redirect_chain[-1][0].startswith("/admin/login/")
        assert office.ended == [(mine, "logged_out")]
        assert not is_logged_in(browser)

    def test_not_from_elsewhere(self, office):
        browser = office.root(enforce_csrf_checks=True)
        handle = office.add()
        assert browser.post(session_url(handle, "delete"), {"post": "End"}).status_code == 403
        assert office.is_there(handle)

    def test_the_log_names_it(self, office, browser):
        handle = office.add(office.user("ada"), label="the tablet")
        browser.post(session_url(handle, "delete"), {"post": "End"})
        (entry,) = LogEntry.objects.all()
        assert entry.object_repr == "ada, the tablet, Firefox on Linux, 192.0.2.1"
        assert entry.content_type.model == "session"
        assert entry.get_change_message() == "Ended."
        assert browser.get("/admin/").status_code == 200  # the recent actions link to the entry

    def test_a_long_name_is_cut(self, office, browser):
        handle = office.add(office.user("a" * 150), label="b" * 100)
        assert browser.post(session_url(handle, "delete"), {"post": "End"}).status_code == 302
        assert len(LogEntry.objects.get().object_repr) == 200

    def test_its_history(self, office, browser):
        handle = office.add(data={"token": "x"})
        browser.post(session_url(handle), {"reveal": "yes"})
        assert "Viewed hidden values." in words(browser.get(session_url(handle, "history")))


class TestAll:
    def test_it_asks(self, office, browser):
        handle = office.add()
        response = browser.get(end_all_url(), {"post": "End", "phrase": PHRASE})
        assert response.status_code == 200
        assert f"Type “{PHRASE}” to confirm" in words(response)
        assert "All sessions of all users and visitors will end immediately" in words(response)
        assert office.is_there(handle)
        assert is_logged_in(browser)

    @pytest.mark.parametrize("typed", ["", "end all", "end all session", "yes", PHRASE + " now"])
    def test_something_else_is_typed(self, office, browser, typed):
        handle = office.add()
        response = browser.post(end_all_url(), {"phrase": typed, "post": "End"})
        assert response.status_code == 200
        error = (
            "That doesn't match. Type the phrase exactly as shown."
            if typed
            else "This field is required."
        )
        assert error in words(response)
        assert office.is_there(handle)
        assert log_entries() == []

    @pytest.mark.parametrize("typed", [PHRASE, PHRASE.upper(), " End  all\tsessions "])
    def test_they_end(self, office, browser, typed):
        handles = [*office.several(3, user=office.user("ada")), office.add(), own(browser)]
        data = {"phrase": typed, "reason": "a leak"}
        response = browser.post(end_all_url(), data, follow=True)
        assert response.redirect_chain[0] == ("/admin/", 302)
        assert response.redirect_chain[-1][0].startswith("/admin/login/")
        assert told(response) == ["5 sessions ended."]
        assert not any(map(office.is_there, handles))
        assert log_entries() == [("root", None, DELETION, "Ended 5 sessions. a leak")]
        assert not is_logged_in(browser)

    def test_the_log_names_them(self, office, browser):
        browser.post(end_all_url(), {"phrase": PHRASE})
        (entry,) = LogEntry.objects.all()
        assert entry.object_repr == "All sessions"
        assert entry.get_admin_url() is None or browser.get("/admin/").status_code == 302
        office.clock.advance(seconds=1)
        browser.force_login(entry.user)
        assert "All sessions" in words(browser.get("/admin/"))

    def test_not_from_elsewhere(self, office):
        browser = office.root(enforce_csrf_checks=True)
        assert browser.post(end_all_url(), {"phrase": PHRASE}).status_code == 403
        assert is_logged_in(browser)

    def test_on_every_storage(self, storage, databases, settings, monkeypatch):
        with opened(storage, settings, monkeypatch) as office:
            browser = office.root()
            handle = office.add()
            assert browser.post(end_all_url(), {"phrase": PHRASE}).status_code == 302
            assert not office.is_there(handle)
            assert not is_logged_in(browser)
