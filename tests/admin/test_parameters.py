"""Query parameters of the list: no value causes a server error."""

from __future__ import annotations

import pytest

from django_multisession.admin import SessionAdmin, search
from support.admin_site import PAGE, listed, opened, own

LONG = "x" * 5000
JSON = '{"pk": ["a", 1]}'
TEXTS = ["", " ", "0", "-1", "2", "1.5", "1e9", "999999", "9" * 5000, "²", "٣", "\0", "a\0b"]
TEXTS += [LONG, JSON, "null", "é😀\u202e", "'", '"', "%s%(a)s", "<b>", "../..", "\n", "[1]", "a b"]
TEXTS += ["A" * 43, "-" * 43, "2026-01-01T00:00:00.000000+00:00 x", "user:", ":", "::", "user:\0"]
TEXTS += [f"user:{LONG}", "10.0.0.0/99", "0.0.0.0/0", "::1%eth0", "1.2.3.4/1.2.3.4", '"', "\\"]

FEW = ["", "1", "\0", JSON, LONG]

# Parameters of the session list, of Django's own lists, and unknown ones.
NAMES = ["p", "q", "signed_in", "owner", "ends"]
DJANGOS = ["e", "o", "all", "_popup", "_facets"]
STRANGE = ["x", "handle", "handle__exact", "id__gt", "pk", "data__a__b", "user_ref__in", "é", ""]
STRANGE += ["handle__regex", "signed_in__exact", "sessionreference__name", "references__value"]


@pytest.fixture
def office(office):
    office.browser_of_root = office.root()
    office.add()
    return office


@pytest.fixture
def browser(office):
    return office.browser_of_root


@pytest.fixture(params=[False, True], ids=["few", "many"])
def many(request, monkeypatch, office):
    """Return whether there are more sessions than can be sorted at once."""
    if request.param:
        monkeypatch.setattr(SessionAdmin, "list_per_page", 1)
        monkeypatch.setattr(search, "MAX_SORTED", 1)


def is_refused(response):
    """Return whether the list redirects to ``?e=1``, as Django's own lists do."""
    return response.status_code == 302 and response["Location"] == f"{PAGE}?e=1"


@pytest.mark.parametrize("name", [*NAMES, *DJANGOS])
def test_any_value_of_a_known_one(browser, many, name):
    for text in TEXTS if name in NAMES else FEW:
        response = browser.get(PAGE, {name: text})
        assert response.status_code == 200 or is_refused(response), (name, text)


def test_where_it_is_refused_to(browser):
    assert listed(browser.get(browser.get(PAGE, {"p": "x"})["Location"]))


@pytest.mark.parametrize("name", STRANGE)
def test_one_that_is_none(browser, name):
    for text in FEW:
        response = browser.get(PAGE, {name: text})
        # 400: Django treats lookups over a relation as suspicious
        assert is_refused(response) or response.status_code == 400, (name, text)


def test_fields_of_a_model_are_no_filters(browser):
    assert is_refused(browser.get(PAGE, {"handle": own(browser)}))
    assert is_refused(browser.get(PAGE, {"handle__startswith": own(browser)[:3]}))


@pytest.mark.parametrize("page", ["-1", "0", "3", "999999", "x", "", "1.5", "\0", "{}", LONG])
def test_a_page_that_is_none(browser, page):
    assert is_refused(browser.get(PAGE, {"p": page}))


@pytest.mark.parametrize("name", ["signed_in", "owner", "ends"])
@pytest.mark.parametrize("value", ["", "maybe", "YES", "\0", LONG])
def test_a_value_that_a_filter_does_not_offer(browser, name, value):
    assert is_refused(browser.get(PAGE, {name: value}))


def test_several_values_of_a_filter(browser):
    """The last value counts, as in all lists of Django."""
    response = browser.get(PAGE + "?signed_in=no&signed_in=yes")
    assert listed(response) == [own(browser)]
    assert is_refused(browser.get(PAGE + "?signed_in=yes&signed_in=x"))


def test_bytes_that_are_no_text(browser):
    for query in ("?q=%ff%fe", "?p=%ff", "?q=%ed%a0%80", "?signed_in=%00", "?%00=1", "?&&=&"):
        response = browser.get(PAGE + query)
        assert response.status_code == 200 or is_refused(response), query


def test_it_is_refused_once_more(browser):
    """The error page does not redirect again."""
    response = browser.get(PAGE, {"p": "x", "e": "1"})
    assert response.status_code == 200
    assert "session-chart" not in response.content.decode()


def test_a_cursor_that_is_none(storage, databases, settings, monkeypatch):
    """Any text either works as a cursor of the storage or is refused."""
    monkeypatch.setattr(search, "MAX_SORTED", 1)
    with opened(storage, settings, monkeypatch) as office:
        browser = office.root()
        office.add()
        for text in TEXTS:
            response = browser.get(PAGE, {"p": text})
            assert response.status_code == 200 or is_refused(response), text


def test_an_object_of_another_kind(browser):
    for handle in ("x", "1", "A" * 43, "_", "_5F", "_ZZ", "%00", "é", "a/b", "%2e%2e"):
        for page in ("change", "delete"):
            response = browser.get(f"{PAGE}{handle}/{page}/")
            assert response.status_code == 302, handle
            assert response["Location"] == PAGE
        assert browser.get(f"{PAGE}{handle}/history/").status_code == 302
