"""The session list in the admin: its columns, its order and its pages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from django_multisession.admin import SessionAdmin
from support.admin_site import DEVICE, PAGE, all_pages, listed, own, words

COLUMNS = ["Device", "User", "IP address", "Label", "Created", "Last seen", "Expires"]


def headings(response):
    html = response.content.decode().partition("<thead>")[2].partition("</thead>")[0]
    return [" ".join(text.split()) for text in re.findall(r"<span>([^<]+)</span>", html)]


def cells(response, column):
    html = response.content.decode()
    found = re.findall(rf'(?s)<t[dh] class="field-{column}">(.*?)</t[dh]>', html)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in found]


def test_what_is_shown_of_a_session(office):
    browser = office.root()
    office.add(office.user("ada"), ip="2001:db8::1", label="the tablet")
    office.clock.advance(hours=2)
    response = browser.get(PAGE)
    assert headings(response) == COLUMNS
    shown = [
        cells(response, name)[0] for name in ("device", "owner", "ip_address", "session_label")
    ]
    assert shown == [DEVICE, "ada", "2001:db8::1", "the tablet"]
    times = [
        cells(response, name)[0].replace("\xa0", " ")
        for name in ("created", "last_seen", "expires")
    ]
    end = date_format(timezone.localtime(office.clock.now + timedelta(days=14, hours=-2)))
    assert times == ["2 hours ago", "2 hours ago", end]


@pytest.mark.parametrize(("hours", "shown"), [(2, "in 2 hours"), (24, "in 1 day")])
def test_an_end_that_is_near_is_said_in_words(office, hours, shown):
    browser = office.root()
    office.add(expires_in=hours * 3600)
    assert shown in [end.replace("\xa0", " ") for end in cells(browser.get(PAGE), "expires")]


def test_what_is_not_known(office):
    browser = office.root()
    office.add(ip="", agent="")
    response = browser.get(PAGE)
    names = ("device", "owner", "ip_address", "session_label", "last_seen")
    assert [cells(response, name)[0] for name in names] == [
        "Unknown device",
        "anonymous",
        "-",
        "-",
        "just now",
    ]


def test_the_exact_time_is_told_too(office):
    browser = office.root()
    handle = office.add()
    (moment,) = re.findall(
        rf'(?s){handle[:5]}.*?field-last_seen">(<time[^>]*>)', browser.get(PAGE).content.decode()
    ) or [""]
    assert f'datetime="{office.clock.now.isoformat()}"' in moment
    assert f"{office.clock.now.year}" in re.search('title="([^"]+)"', moment)[1]


def test_further_references_have_a_column_of_links(office, settings):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    browser = office.root()
    handle = office.add(data={"org_id": "a&b 7"})
    office.add()
    response = browser.get(PAGE)
    assert headings(response) == [*COLUMNS[:4], "References", *COLUMNS[4:]]
    assert cells(response, "further_references") == ["-", "org: a&amp;b 7", "-"]
    (link,) = re.findall(r'field-further_references"><a href="([^"]+)"', response.content.decode())
    assert listed(browser.get(link)) == [handle]


def test_ones_own_is_marked(office):
    browser = office.root()
    office.several(2)
    response = browser.get(PAGE)
    assert response.content.decode().count("session-mark") == 1
    marked = ["current" in cell for cell in cells(response, "device")]
    assert dict(zip(listed(response), marked, strict=True))[own(browser)]


def test_the_most_recently_active_one_comes_first(office):
    browser = office.root()
    handles = office.several(5)
    assert listed(browser.get(PAGE)) == [*handles, own(browser)]


def test_what_is_over_is_not_there(office):
    browser = office.root()
    over, live = office.add(expires_in=60), office.add()
    office.clock.advance(minutes=2)
    assert over not in listed(browser.get(PAGE))
    assert live in listed(browser.get(PAGE))


class TestNumberedPages:
    """Pages have numbers if all sessions were found at once."""

    @pytest.fixture(autouse=True)
    def three_a_page(self, monkeypatch):
        monkeypatch.setattr(SessionAdmin, "list_per_page", 3)

    def test_every_session_is_on_one(self, office):
        browser = office.root()
        handles = [*office.several(6), own(browser)]
        pages = [listed(browser.get(PAGE, {"p": n})) for n in (1, 2, 3)]
        assert pages == [handles[:3], handles[3:6], handles[6:]]

    def test_they_are_linked(self, office):
        browser = office.root()
        office.several(6)
        html = browser.get(PAGE, {"q": "192.0.2.0/24"}).content.decode()
        assert re.findall(r'href="\?([^"]*p=\d+[^"]*)"', html)[0].startswith("p=2")
        assert "q=192.0.2.0%2F24" in html
        assert "session-pages" not in html

    def test_one_page_has_no_links(self, office):
        browser = office.root()
        assert 'href="?p=' not in browser.get(PAGE).content.decode()


class TestCursorPages:
    """Pages have cursors if there are more sessions than can be sorted at once."""

    def test_every_session_is_seen_once(self, office, small):
        browser = office.root()
        handles = [*office.several(10), own(browser)]
        pages = all_pages(browser)
        assert [len(page) for page in pages] == [3, 3, 3, 2]
        assert [handle for page in pages for handle in page] == handles

    def test_the_way_back(self, office, small):
        browser = office.root()
        first = listed(browser.get(PAGE)), office.several(10)
        response = browser.get(PAGE)
        second = browser.get(PAGE + response.context["cl"].next_page)
        assert "First page" in words(second)
        assert second.context["cl"].first_page == "?"
        assert listed(browser.get(PAGE + "?")) == listed(response) != first[0]

    def test_the_last_one_goes_nowhere(self, office, small):
        browser = office.root()
        office.several(6)
        response = browser.get(PAGE)
        assert "Next page" in words(response)
        for _ in range(2):
            response = browser.get(PAGE + response.context["cl"].next_page)
        assert "Next page" not in words(response)

    def test_charts_are_on_the_first_one_only(self, office, small):
        browser = office.root()
        office.several(10)
        response = browser.get(PAGE)
        assert "session-chart" in response.content.decode()
        second = browser.get(PAGE + response.context["cl"].next_page)
        assert "session-chart" not in second.content.decode()

    def test_an_order_of_the_page_only_is_told(self, office, small, monkeypatch):
        browser = office.root()
        office.several(10)
        note = "Only the sessions on each page are sorted"
        assert note not in words(browser.get(PAGE))
        monkeypatch.setattr(office.storage, "pages_by_activity", False)
        assert note in words(browser.get(PAGE))
