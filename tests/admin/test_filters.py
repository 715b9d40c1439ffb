"""The filters of the list: alone, combined, with a search, and over several pages."""

from __future__ import annotations

import re

import pytest

from django_multisession.admin import SessionAdmin, search
from support.admin_site import PAGE, all_pages, listed, own, words


@pytest.fixture
def handles(office, browser):
    """Handles of sessions, by a description of the session."""
    ada, hours = office.user("ada"), 3600
    return {
        "mine": own(browser),
        "ada": office.add(ada),
        "ada, an hour": office.add(ada, expires_in=hours),
        "ada, a day": office.add(ada, expires_in=24 * hours),
        "nobody": office.add(ip="198.51.100.7"),
        "nobody, an hour": office.add(expires_in=hours),
        "nobody, a week": office.add(expires_in=7 * 24 * hours),
    }


ADAS = {"ada", "ada, an hour", "ada, a day"}
ANONYMOUS = {"nobody", "nobody, an hour", "nobody, a week"}
WITHIN_A_DAY = {"ada, an hour", "ada, a day", "nobody, an hour"}
CASES = [
    ({"signed_in": "yes"}, {"mine", *ADAS}),
    ({"signed_in": "no"}, ANONYMOUS),
    ({"owner": "me"}, {"mine"}),
    ({"ends": "hour"}, {"ada, an hour", "nobody, an hour"}),
    ({"ends": "day"}, WITHIN_A_DAY),
    ({"ends": "week"}, {*WITHIN_A_DAY, "nobody, a week"}),
    ({"signed_in": "no", "ends": "hour"}, {"nobody, an hour"}),
    ({"owner": "me", "signed_in": "no"}, set()),
    ({"owner": "me", "signed_in": "yes"}, {"mine"}),
    ({"owner": "me", "ends": "week"}, set()),
    ({"q": "ada", "ends": "hour"}, {"ada, an hour"}),
    ({"q": "ada", "signed_in": "no"}, set()),
    ({"q": "ada", "owner": "me"}, set()),
    ({"q": "root", "owner": "me"}, {"mine"}),
    ({"q": "198.51.100.7", "signed_in": "no"}, {"nobody"}),
    ({"q": "198.51.100.7", "signed_in": "yes"}, set()),
    ({"q": "192.0.2.0/24", "signed_in": "no", "ends": "hour"}, {"nobody, an hour"}),
]
LABELS = [", ".join(f"{k}={v}" for k, v in query.items()) for query, _ in CASES]


@pytest.mark.parametrize(("query", "names"), CASES, ids=LABELS)
def test_among_few(browser, handles, query, names):
    assert {*listed(browser.get(PAGE, query))} == {handles[name] for name in names}


@pytest.mark.parametrize(("query", "names"), CASES, ids=LABELS)
def test_over_pages(browser, handles, query, names, monkeypatch):
    monkeypatch.setattr(search, "MAX_SORTED", 3)
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    monkeypatch.setattr(search, "PAGE_STEPS", (1, 1))
    start = "?" + "&".join(f"{name}={value}" for name, value in query.items())
    shown = [handle for page in all_pages(browser, start) for handle in page]
    if {"q", "owner"} & query.keys() and "." not in query.get("q", ""):
        # These searches find everything at once, so this is the first one of numbered pages.
        assert {*shown} <= {handles[name] for name in names}
    else:
        assert sorted(shown) == sorted(handles[name] for name in names)


def test_an_end_that_comes_nearer(office, browser, handles):
    office.clock.advance(hours=23)
    assert handles["ada, a day"] in listed(browser.get(PAGE, {"ends": "hour"}))


def test_whoever_has_many_sees_them_all_of_their_own(office, browser, monkeypatch):
    """The index of the user's sessions is used. The sessions of other users are not read."""
    monkeypatch.setattr(search, "MAX_SORTED", 5)
    monkeypatch.setattr(office.storage, "page", None)
    office.several(20)
    response = browser.get(PAGE, {"owner": "me"})
    assert listed(response) == [own(browser)]
    assert "Searched" not in words(response)


def test_they_are_kept_from_page_to_page(browser, handles, monkeypatch):
    monkeypatch.setattr(SessionAdmin, "list_per_page", 2)
    html = browser.get(PAGE, {"signed_in": "yes", "q": "192.0.2.0/24"}).content.decode()
    (link,) = set(re.findall(r'href="(\?p=2[^"]*|\?[^"]*&amp;p=2[^"]*)"', html))
    assert "signed_in=yes" in link
    assert "q=192.0.2.0%2F24" in link


def test_they_are_offered(browser, handles):
    html = browser.get(PAGE).content.decode()
    for query in ("signed_in=yes", "signed_in=no", "owner=me", "ends=hour", "ends=week"):
        assert f'href="?{query}"' in html
    assert "Clear all filters" not in html


def test_they_can_be_cleared(browser, handles):
    response = browser.get(PAGE, {"signed_in": "yes", "q": "ada"})
    assert "Clear all filters" in words(response)
    assert response.context["cl"].clear_all_filters_qs == "?q=ada"
    html = response.content.decode()
    assert 'name="signed_in" value="yes"' in html  # the form of the search box keeps the filters


def test_ones_own_without_knowing_users(office, browser, settings):
    settings.MULTISESSION_REFERENCES = {}
    office.add()
    response = browser.get(PAGE, {"owner": "me"})
    assert listed(response) == []
    assert "MULTISESSION_REFERENCES" in words(response)
