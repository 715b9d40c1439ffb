"""Device pages: pagination of the list."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from django_multisession.views import DeviceList
from support.admin_site import own, words
from support.device_pages import PAGE, listed

MANY = 44  # besides the current one


@pytest.fixture
def all_of_them(home, ada, mine):
    return [own(mine), *home.several(MANY, user=ada)]


def test_page_by_page(all_of_them, mine):
    pages = [listed(mine.get(PAGE, {"page": number})) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [20, 20, 5]
    assert [*chain(*pages)] == all_of_them
    assert listed(mine.get(PAGE)) == pages[0]


# Value of ?page= -> the page that is shown.
ASKED = {"999": 3, "-1": 3, "0": 3, "": 1, "x": 1, "1.5": 1, "٣": 3, "9" * 5000: 1}


def test_a_page_that_there_is_not(all_of_them, mine):
    """Paginator.get_page() shows the first page for text, and the last for a number too high."""
    for number, shown in ASKED.items():
        page = mine.get(PAGE, {"page": number})
        assert listed(page) == all_of_them[20 * shown - 20 : 20 * shown]


def test_the_way_from_one_to_the_next(all_of_them, mine):
    link = re.compile(r'rel="(prev|next)" href="(.*?)"')
    assert [link.findall(html(mine, number)) for number in (1, 2, 3)] == [
        [("next", "?page=2")],
        [("prev", "?page=1"), ("next", "?page=3")],
        [("prev", "?page=2")],
    ]
    assert "Page 2 of 3" in words(mine.get(PAGE, {"page": 2}))


def html(browser, number):
    return browser.get(PAGE, {"page": number}).content.decode()


@pytest.mark.parametrize(("number", "pages"), [(20, 1), (21, 2)])
def test_a_page_that_is_full(home, ada, mine, number, pages):
    home.several(number - 1, user=ada)
    page = mine.get(PAGE)
    assert page.context["page"].paginator.num_pages == pages
    assert ('rel="next"' in page.content.decode()) is (pages > 1)


def test_all_others_can_be_signed_out_from_every_page(all_of_them, mine):
    assert all(f'href="{PAGE}end-others/"' in html(mine, number) for number in (1, 2, 3))


def test_the_number_may_be_another(all_of_them, mine, monkeypatch):
    monkeypatch.setattr(DeviceList, "paginate_by", 2)
    assert listed(mine.get(PAGE, {"page": 2})) == all_of_them[2:4]
