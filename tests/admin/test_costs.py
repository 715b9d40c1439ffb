"""Round trips of the session browser: as many for hundreds of sessions as for ten."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from django_multisession.admin import SessionAdmin, search
from support.admin_site import PAGE, listed, page_of, selected
from support.costs import counting

NUMBERS = pytest.mark.parametrize("number", [10, 300])


@pytest.fixture
def office(office, settings):
    settings.MULTISESSION_TOUCH_INTERVAL = None  # a write, now and then
    return office


@pytest.fixture
def browser(office):
    """What is needed once is known."""
    browser = office.root()
    browser.get(PAGE)
    ContentType.objects.get_for_model(User)
    return browser


def people(office, number):
    """Each with a session."""
    return [office.add(data={"_auth_user_id": str(10**6 + n), "cart": n}) for n in range(number)]


# The session of whoever asks is one read, and that they are who they are one query.


@NUMBERS
def test_the_list(office, browser, monkeypatch, number):
    people(office, number)
    with counting(office.storage, monkeypatch) as told:
        assert len(listed(browser.get(PAGE))) == min(SessionAdmin.list_per_page, number + 1)
    assert told == [{"read": 1, "sample": 1}, 2]


@NUMBERS
def test_a_page_of_more(office, browser, monkeypatch, number):
    monkeypatch.setattr(SessionAdmin, "list_per_page", 5)
    monkeypatch.setattr(search, "MAX_SORTED", 5)
    people(office, number)
    with counting(office.storage, monkeypatch) as told:
        response = browser.get(PAGE)
    assert told == [{"read": 1, "sample": 1, "page": 1}, 2]
    with counting(office.storage, monkeypatch) as told:
        browser.get(PAGE + response.context["cl"].next_page)
    assert told == [{"read": 1, "page": 1}, 2]


@NUMBERS
def test_filters_that_want_few(office, browser, monkeypatch, number):
    monkeypatch.setattr(search, "MAX_SORTED", 5)
    monkeypatch.setattr(SessionAdmin, "list_per_page", 1)
    people(office, number)
    with counting(office.storage, monkeypatch) as told:
        browser.get(PAGE, {"ends": "hour"})
    assert told[0] == {"read": 1, "sample": 1, "page": len(search.PAGE_STEPS)}
    assert told[1] <= 2


@NUMBERS
def test_the_sessions_of_a_user(office, browser, monkeypatch, number):
    """Queries: of this key, of this name, and who they are whose sessions were found."""
    office.several(number, user=office.user("ada"))
    with counting(office.storage, monkeypatch) as told:
        assert len(listed(browser.get(PAGE, {"q": "ada"}))) == min(
            SessionAdmin.list_per_page, number
        )
    assert told[0] == {"read": 1, "find": 1}
    assert told[1] <= 4


@NUMBERS
def test_the_sessions_of_a_reference(office, browser, monkeypatch, number):
    office.several(number, user=(ada := office.user("ada")))
    with counting(office.storage, monkeypatch) as told:
        browser.get(PAGE, {"q": f"user:{ada.pk}"})
    assert told == [{"read": 1, "find": 1}, 2]


@NUMBERS
def test_ones_own(office, browser, monkeypatch, number):
    people(office, number)
    with counting(office.storage, monkeypatch) as told:
        browser.get(PAGE, {"owner": "me"})
    assert told == [{"read": 1, "find": 1}, 2]


def test_many_users(office, browser, monkeypatch):
    """No more finds than users are looked for."""
    for number in range(12):
        office.add(office.user(f"clone{number}"))
    with counting(office.storage, monkeypatch) as told:
        browser.get(PAGE, {"q": "clone"})
    assert told[0] == {"read": 1, "find": search.USERS}
    assert told[1] <= 4


@NUMBERS
def test_a_session(office, browser, monkeypatch, number):
    """One read without its data, one of them."""
    handle = people(office, number)[0]
    with counting(office.storage, monkeypatch) as told:
        browser.get(page_of(handle))
    assert told == [{"read": 3}, 2]


def test_to_look_at_it_without_its_data(office, monkeypatch):
    """They are not read for who may not see them."""
    browser = office.browser(office.staff("viewer", "view_session"))
    handle = office.add(data={"cart": 1})
    browser.get(PAGE)
    with counting(office.storage, monkeypatch) as told:
        browser.get(page_of(handle))
    assert told[0] == {"read": 2}


@NUMBERS
def test_log_out_everywhere(office, browser, monkeypatch, number):
    """Of one user: however many sessions they have."""
    (handle, *_) = office.several(number, user=office.user("ada"))
    with counting(office.storage, monkeypatch) as told:
        browser.post(PAGE, selected("log_out_everywhere", handle, post="End"))
    assert told[0] == {"read": 2, "sample": 1, "delete_matching": 1}
    assert told[1] <= 6  # with BEGIN and COMMIT of the log's entry, which newer versions leave out
