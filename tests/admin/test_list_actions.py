"""The actions on the sessions selected in the list. Nothing ends before it is confirmed."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import CHANGE, DELETION

from django_multisession.admin import SessionAdmin
from django_multisession.admin.search import MAX_SORTED
from support.admin_site import (
    BOTH,
    END,
    EVERYWHERE,
    OWN,
    PAGE,
    action_data,
    is_logged_in,
    listed,
    log_entries,
    opened,
    own,
    told,
    words,
)


def fields(response):
    """Return the hidden fields of the confirmation form, without the CSRF token."""
    html = response.content.decode()
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html)
    return [pair for pair in pairs if pair[0] != "csrfmiddlewaretoken"]


@BOTH
def test_first_it_asks(office, browser, action):
    ada = office.user("ada")
    first, second, other = (office.add(ada, label=name) for name in ("one", "two", "three"))
    response = browser.post(PAGE, action_data(action, first, second))
    assert response.status_code == 200
    assert "ada" in words(response)
    assert ("one" in words(response)) is (action == END)
    assert "three" not in words(response)
    kept = [first, second] if action == END else [second]  # one session for each user
    assert fields(response) == [*(("_selected_action", h) for h in kept), ("action", action)]
    assert office.ended == log_entries() == []
    assert all(map(office.is_there, (first, second, other)))


@BOTH
def test_what_it_asks_with_does_it(office, browser, action):
    """The fields of the confirmation form, sent back, end the sessions."""
    ada = office.user("ada")
    handle, other = office.add(ada), office.add()
    response = browser.post(PAGE, action_data(action, handle))
    data = dict(fields(response))
    assert 'name="reason"' in response.content.decode()
    response = browser.post(PAGE, {**data, "reason": "lost", "post": "End"}, follow=True)
    assert told(response) == ["1 session ended."]
    assert response.redirect_chain == [(PAGE, 302)]
    assert office.ended == [(handle, "ended_by_admin")]
    assert office.is_there(other)


@BOTH
def test_nothing_by_get(office, browser, action):
    handle = office.add(office.user("ada"))
    for data in (action_data(action, handle), action_data(action, handle, post="yes")):
        browser.get(PAGE, data)
        browser.head(PAGE, data)
    assert office.is_there(handle)
    assert office.ended == log_entries() == []


@BOTH
def test_nothing_from_elsewhere(office, action):
    user = office.user("root", is_staff=True, is_superuser=True)
    browser = office.browser(user, enforce_csrf_checks=True)
    handle = office.add(user)
    response = browser.post(PAGE, action_data(action, handle, **OWN))
    assert response.status_code == 403
    assert office.is_there(handle)
    token = browser.get(PAGE).cookies["csrftoken"].value
    data = action_data(action, handle, **OWN, csrfmiddlewaretoken=token)
    assert browser.post(PAGE, data).status_code == 302
    assert not office.is_there(handle)


def test_they_are_ended(office, browser):
    ada = office.user("ada")
    one, two, three = (office.add(ada) for _ in range(3))
    response = browser.post(
        PAGE, action_data(END, one, three, post="End", reason="lost"), follow=True
    )
    assert told(response) == ["2 sessions ended."]
    assert {*listed(response)} == {two, own(browser)}
    assert office.reasons() == dict.fromkeys([one, three], "ended_by_admin")
    assert log_entries() == [("root", handle, DELETION, "Ended. lost") for handle in (one, three)]


def test_everywhere_is_all_of_these_users(office, browser):
    ada, grace, edith = (office.user(name) for name in ("ada", "grace", "edith"))
    adas, graces = office.several(3, user=ada), office.several(2, user=grace)
    others = {office.add(edith), office.add(), own(browser)}
    data = action_data(EVERYWHERE, adas[0], adas[1], graces[0], post="End", reason="why")
    response = browser.post(PAGE, data, follow=True)
    assert told(response) == ["5 sessions ended."]
    assert {*listed(response)} == others
    assert office.reasons() == dict.fromkeys([*adas, *graces], "ended_by_admin")
    assert log_entries() == [
        ("root", str(ada.pk), CHANGE, "Logged out everywhere: 3 sessions. why"),
        ("root", str(grace.pk), CHANGE, "Logged out everywhere: 2 sessions. why"),
    ]


def test_everywhere_of_nobody(office, browser):
    """Anonymous sessions have no user in common, so none of them ends."""
    one, two = office.add(), office.add()
    response = browser.post(PAGE, action_data(EVERYWHERE, one), follow=True)
    assert told(response) == ["Nobody is signed in to the selected sessions."]
    assert office.is_there(one)
    assert office.is_there(two)


def test_everywhere_of_somebody_who_was_deleted(office, browser):
    handles = office.several(2, data={"_auth_user_id": "999"})
    response = browser.post(PAGE, action_data(EVERYWHERE, handles[0], post="End"), follow=True)
    assert told(response) == ["2 sessions ended."]
    assert office.ended != []
    assert log_entries() == [("root", handles[0], CHANGE, "Logged out everywhere: 2 sessions.")]


@BOTH
def test_some_are_gone_meanwhile(office, browser, action):
    ada, grace = office.user("ada"), office.user("grace")
    gone, there = office.add(ada), office.add(grace)
    office.storage.delete(gone)
    response = browser.post(PAGE, action_data(action, gone, there, "x", "\0", "A" * 43))
    assert "ada" not in words(response)
    response = browser.post(PAGE, action_data(action, gone, there, "x", post="End"), follow=True)
    assert told(response) == ["1 session ended."]
    assert not office.is_there(there)
    assert len(log_entries()) == 1


@BOTH
@pytest.mark.parametrize("data", [{}, {"post": "End"}])
def test_all_are_gone_meanwhile(office, browser, action, data):
    response = browser.post(PAGE, action_data(action, "A" * 43, **data), follow=True)
    assert told(response) == ["The sessions had already ended."]
    assert log_entries() == []


@BOTH
def test_one_that_goes_at_the_last_moment(office, browser, action, monkeypatch):
    """The session ends after it was read and before the action ends it."""
    handle = office.add(office.user("ada"))
    monkeypatch.setattr(office.storage, "delete", lambda *args: None)
    monkeypatch.setattr(office.storage, "delete_matching", lambda *args: iter(()))
    response = browser.post(PAGE, action_data(action, handle, post="End"), follow=True)
    assert told(response) == ["The sessions had already ended."]
    assert not [entry for entry in log_entries() if entry[2] == DELETION]


@BOTH
def test_nothing_is_selected(office, browser, action):
    response = browser.post(PAGE, {"action": action, "index": "0"}, follow=True)
    assert told(response) == [
        "Items must be selected in order to perform actions on them. No items have been changed."
    ]
    assert log_entries() == []


@pytest.mark.parametrize("data", [{"action": ""}, {}, {"action": "clear"}])
def test_no_action_is_chosen(office, browser, data):
    handle = office.add()
    data = {"_selected_action": [handle], "index": "0", "post": "End", **data}
    assert told(browser.post(PAGE, data, follow=True)) == ["No action selected."]
    assert office.is_there(handle)


def test_all_that_were_found(office, browser, monkeypatch):
    """The action covers all pages of the search, and no session outside the search."""
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    handles = office.several(5, ip="198.51.100.7")
    other = office.add()
    url = f"{PAGE}?q=198.51.100.7"
    response = browser.post(url, action_data(END, handles[0], select_across="1"))
    assert [value for name, value in fields(response) if name == "_selected_action"] == handles
    response = browser.post(url, action_data(END, *handles, post="End"), follow=True)
    assert response.redirect_chain == [(url, 302)]
    assert told(response) == ["5 sessions ended."]
    assert office.is_there(other)


def test_as_many_as_can_be_found_can_be_ended(office, browser):
    """The form must stay within the 1000 fields that Django accepts."""
    office.several(MAX_SORTED - 1)
    response = browser.post(PAGE, action_data(END, own(browser), select_across="1"))
    handles = [value for name, value in fields(response) if name == "_selected_action"]
    assert len(handles) == MAX_SORTED
    data = action_data(END, *handles, **OWN, csrfmiddlewaretoken="x", reason="")
    assert browser.post(PAGE, data).status_code == 302


@BOTH
def test_a_reason_that_is_too_long(office, browser, action):
    handle = office.add(office.user("ada"))
    response = browser.post(PAGE, action_data(action, handle, post="End", reason="x" * 201))
    assert "at most 200 characters" in words(response)
    assert office.is_there(handle)
    browser.post(PAGE, action_data(action, handle, post="End", reason="é" * 200))
    assert log_entries()[0][3].endswith(" " + "é" * 200)


def test_on_every_storage(storage, databases, settings, monkeypatch):
    with opened(storage, settings, monkeypatch) as office:
        browser, ada = office.root(), office.user("ada")
        one, *adas = office.several(3, user=ada)
        other = office.add()
        browser.post(PAGE, action_data(END, other, post="End"))
        assert office.reasons() == {other: "ended_by_admin"}
        browser.post(PAGE, action_data(EVERYWHERE, adas[0], post="End"))
        assert not any(map(office.is_there, (one, *adas, other)))
        assert is_logged_in(browser)
