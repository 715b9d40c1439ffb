"""Round trips of the session browser: the same for 300 sessions as for 10."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from django_multisession.admin import SessionAdmin, search
from support.admin_site import PAGE, action_data, listed, session_url
from support.costs import counting

NUMBERS = pytest.mark.parametrize("number", [10, 300])


@pytest.fixture
def office(office, settings):
    settings.MULTISESSION_TOUCH_INTERVAL = None  # a touch would be one more write
    return office


@pytest.fixture
def browser(office):
    """A browser whose first request has filled the caches."""
    browser = office.root()
    browser.get(PAGE)
    ContentType.objects.get_for_model(User)
    return browser


def people(office, number):
    """Return the handles of so many sessions, each of a different user."""
    return [office.add(data={"_auth_user_id": str(10**6 + n), "cart": n}) for n in range(number)]


# Every request reads the session of the administrator (one read) and the user (one query).


@NUMBERS
def test_the_list(office, browser, monkeypatch, number):
    people(office, number)
    with counting(office.storage, monkeypatch) as costs:
        assert len(listed(browser.get(PAGE))) == min(SessionAdmin.list_per_page, number + 1)
    assert costs == [{"read": 1, "sample": 1}, 2]


@NUMBERS
def test_a_page_of_more(office, browser, monkeypatch, number):
    monkeypatch.setattr(SessionAdmin, "list_per_page", 5)
    monkeypatch.setattr(search, "MAX_SORTED", 5)
    people(office, number)
    with counting(office.storage, monkeypatch) as costs:
        response = browser.get(PAGE)
    assert costs == [{"read": 1, "sample": 1, "page": 1}, 2]
    with counting(office.storage, monkeypatch) as costs:
        browser.get(PAGE + response.context["cl"].next_page)
    assert costs == [{"read": 1, "page": 1}, 2]


@NUMBERS
def test_filters_that_match_few(office, browser, monkeypatch, number):
    monkeypatch.setattr(search, "MAX_SORTED", 5)
    monkeypatch.setattr(SessionAdmin, "list_per_page", 1)
    people(office, number)
    with counting(office.storage, monkeypatch) as costs:
        browser.get(PAGE, {"ends": "hour"})
    assert costs[0] == {"read": 1, "sample": 1, "page": len(search.PAGE_STEPS)}
    assert costs[1] <= 2


@NUMBERS
def test_the_sessions_of_a_user(office, browser, monkeypatch, number):
    """Queries: users by primary key, users by name, and the users of the sessions found."""
    office.several(number, user=office.user("ada"))
    with counting(office.storage, monkeypatch) as costs:
        assert len(listed(browser.get(PAGE, {"q": "ada"}))) == min(
            SessionAdmin.list_per_page, number
        )
    assert costs[0] == {"read": 1, "find": 1}
    assert costs[1] <= 4


@NUMBERS
def test_the_sessions_of_a_reference(office, browser, monkeypatch, number):
    office.several(number, user=(ada := office.user("ada")))
    with counting(office.storage, monkeypatch) as costs:
        browser.get(PAGE, {"q": f"user:{ada.pk}"})
    assert costs == [{"read": 1, "find": 1}, 2]


@NUMBERS
def test_ones_own(office, browser, monkeypatch, number):
    people(office, number)
    with counting(office.storage, monkeypatch) as costs:
        browser.get(PAGE, {"owner": "me"})
    assert costs == [{"read": 1, "find": 1}, 2]


def test_many_users(office, browser, monkeypatch):
    """One find for each user, up to MAX_USERS."""
    for number in range(12):
        office.add(office.user(f"clone{number}"))
    with counting(office.storage, monkeypatch) as costs:
        browser.get(PAGE, {"q": "clone"})
    assert costs[0] == {"read": 1, "find": search.MAX_USERS}
    assert costs[1] <= 4


@NUMBERS
def test_a_session(office, browser, monkeypatch, number):
    """One read for the facts, another one for the data."""
    handle = people(office, number)[0]
    with counting(office.storage, monkeypatch) as costs:
        browser.get(session_url(handle))
    assert costs == [{"read": 3}, 2]


def test_to_look_at_it_without_its_data(office, monkeypatch):
    """The data are not read if the user may not see them."""
    browser = office.browser(office.staff("viewer", "view_session"))
    handle = office.add(data={"cart": 1})
    browser.get(PAGE)
    with counting(office.storage, monkeypatch) as costs:
        browser.get(session_url(handle))
    assert costs[0] == {"read": 2}


@NUMBERS
def test_log_out_everywhere(office, browser, monkeypatch, number):
    """The cost does not depend on how many sessions the user has."""
    (handle, *_) = office.several(number, user=office.user("ada"))
    with counting(office.storage, monkeypatch) as costs:
        browser.post(PAGE, action_data("log_out_everywhere", handle, post="End"))
    assert costs[0] == {"read": 2, "sample": 1, "delete_matching": 1}
    # With BEGIN and COMMIT for the log entry, which newer versions of Django leave out.
    assert costs[1] <= 6
