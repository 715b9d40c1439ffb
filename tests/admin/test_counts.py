"""The texts around the session list: numbers of sessions, and messages for empty lists."""

from __future__ import annotations

import re

import pytest

from support.admin_site import PAGE, all_pages, found, listed, own, words


def beside_the_box(response):
    html = response.content.decode()
    return re.findall(r'class="small quiet">([^(]+)', html)


@pytest.mark.parametrize(("others", "said"), [(0, "1 session."), (3, "4 sessions.")])
def test_how_many_there_are(office, others, said):
    browser = office.root()
    office.several(others)
    text = words(browser.get(PAGE))
    assert f" {said} " in text
    assert "About" not in text


def test_about_how_many_there_are(office, small, monkeypatch):
    browser = office.root()
    office.several(9)
    sampled = office.storage.sample
    monkeypatch.setattr(office.storage, "sample", lambda limit: (sampled(limit)[0], 41234))
    text = words(browser.get(PAGE))
    assert "About 41,000 sessions. The charts show a sample of 5." in text
    assert "≈ " in text


def test_the_most_that_are_counted(office, small):
    browser = office.root()
    office.several(4)
    assert "5 sessions." in words(browser.get(PAGE))
    assert "About" not in words(browser.get(PAGE))
    office.add()
    assert "About 6 sessions." in words(browser.get(PAGE))


def test_beside_the_box_is_said_how_many_were_found(office):
    browser = office.root()
    office.several(2, ip="198.51.100.7")
    assert beside_the_box(browser.get(PAGE)) == []
    assert beside_the_box(browser.get(PAGE, {"q": "198.51.100.7"})) == ["2 results "]
    assert beside_the_box(browser.get(PAGE, {"signed_in": "yes"})) == ["1 result "]
    assert beside_the_box(browser.get(PAGE, {"q": "nobody"})) == ["0 results "]


def test_of_a_page_nothing_is_said_to_be_found(office, small):
    browser = office.root()
    office.several(10)
    response = browser.get(PAGE)
    assert beside_the_box(response) == []
    assert beside_the_box(browser.get(PAGE + response.context["cl"].next_page)) == []


def test_what_is_typed_stays_in_the_box(office):
    browser = office.root()
    assert 'value="ada &amp; co"' in browser.get(PAGE, {"q": "ada & co"}).content.decode()
    assert "192.0.2.0/24" in words(browser.get(PAGE))  # the help text


def test_nothing_matches(office):
    browser = office.root()
    for query in ({"q": "nobody"}, {"ends": "hour"}, {"q": "user:17", "signed_in": "no"}):
        text = words(browser.get(PAGE, query))
        assert "No sessions match. Show all sessions" in text
        assert "End selected sessions" not in text


def test_there_are_none_at_all(office, monkeypatch):
    """It happens if a replica does not have the administrator's new session yet."""
    browser = office.root()
    monkeypatch.setattr(office.storage, "sample", lambda limit: ([], 0))
    response = browser.get(PAGE)
    assert "There are no sessions." in words(response)
    assert "session-chart" not in response.content.decode()


def test_none_among_those_it_looked_at(office, small):
    browser = office.root()
    office.several(10)
    response = browser.get(PAGE, {"signed_in": "yes"})
    assert "No matches so far. There are more sessions to search." in words(response)
    assert "Searched 6 sessions." in words(response)
    assert "Continue searching" in words(response)
    pages = all_pages(browser, "?signed_in=yes")
    assert pages == [[], [own(browser)]]


def test_there_was_one_more_to_look_at(office, small):
    browser = office.root()
    office.several(6)
    first = browser.get(PAGE, {"ends": "hour"})
    assert "Searched 6 sessions." in words(first)
    last = browser.get(PAGE + first.context["cl"].next_page)
    assert "Searched 1 session." in words(last)
    assert listed(last) == []
    assert "No sessions match." in words(last)


def test_a_page_of_as_many_as_half_of_it_is_enough(office, small):
    browser = office.root()
    signed_in = office.several(2, user=office.user("ada"))
    office.add()
    others = office.several(3)
    first = browser.get(PAGE, {"signed_in": "yes"})
    assert "Searched 6 sessions." in words(first)
    assert listed(first) == signed_in
    first = browser.get(PAGE, {"signed_in": "no"})
    assert "Searched 3 sessions." in words(first)
    assert listed(first) == others


def test_more_were_found_than_can_be_shown(office, small):
    browser = office.root()
    ada = office.user("ada")
    handles = office.several(6, user=ada)
    response = browser.get(PAGE, {"q": "ada"})
    assert "There are more than 5 sessions. Only some of them are shown." in words(response)
    assert response.context["cl"].result_count == 5
    sessions = {*listed(response), *listed(browser.get(PAGE, {"q": "ada", "p": 2}))}
    assert len(sessions & {*handles}) == 5


def test_as_many_as_can_be_shown(office, small):
    browser = office.root()
    office.several(5, user=office.user("ada"))
    response = browser.get(PAGE, {"q": "ada"})
    assert "There are more" not in words(response)
    assert len(found(browser, "ada")) == 3
