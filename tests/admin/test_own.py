"""Ending one's own session from the list: it needs a tick and logs out."""

from __future__ import annotations

from django.contrib.auth.models import User

from support.admin_site import (
    BOTH,
    END,
    EVERYWHERE,
    OWN,
    PAGE,
    action_data,
    is_logged_in,
    log_entries,
    own,
    words,
)


@BOTH
def test_it_asks_whether_one_knows(office, browser, action):
    mine = own(browser)
    response = browser.post(PAGE, action_data(action, mine))
    assert "I understand that this also logs me out" in words(response)
    response = browser.post(PAGE, action_data(action, mine, post="End"))
    assert "This field is required." in words(response)
    assert office.ended == log_entries() == []
    assert is_logged_in(browser)


@BOTH
def test_it_logs_out(office, browser, action):
    mine, ada = own(browser), office.add(office.user("ada"))
    response = browser.post(PAGE, action_data(action, mine, ada, **OWN), follow=True)
    assert response.redirect_chain[-1][0] == f"/admin/login/?next={PAGE}"
    assert office.reasons() == {mine: "logged_out", ada: "ended_by_admin"}
    assert browser.cookies["sessionid"].value == ""
    assert not is_logged_in(browser)
    assert [entry[0] for entry in log_entries()] == ["root", "root"]


@BOTH
def test_it_does_not_ask_of_others(office, browser, action):
    other = office.add(office.user("ada"))
    response = browser.post(PAGE, action_data(action, other))
    assert "I understand" not in words(response)


def test_another_one_of_mine_is_no_reason(office, browser):
    other = office.add(User.objects.get(username="root"))
    assert "I understand" not in words(browser.post(PAGE, action_data(END, other)))
    assert "I understand" in words(browser.post(PAGE, action_data(EVERYWHERE, other)))
    browser.post(PAGE, action_data(EVERYWHERE, other, **OWN))
    assert office.reasons().keys() >= {other}
    assert not is_logged_in(browser)
