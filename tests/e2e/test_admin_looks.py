"""The look of the session browser in Chromium.

The tests use large and small screens, light and dark colours, and right-to-left languages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.utils.translation import to_language

from support import chromium as chromiums
from support.admin_demos import LIST, Demo, enter
from support.chromium import DESKTOP, PHONE, Chromium
from support.translations import LANGUAGES
from support.user_agents import FIREFOX

LONG = f"{FIREFOX} {'x' * 400}"
DATA = {"token": "T-123", "words": "long" * 200, "deep": {"deep": {"deep": ["a" * 300] * 3}}}
TABLE = ".results, .results *"  # wider than a phone; like all lists of the admin, it scrolls
# Elements whose colours come from this package.
OURS = ".session-chart text, .session-mark, .session-hidden, .session-value, .session-end, .quiet"


@pytest.fixture(scope="module")
def demo(demos: Callable[..., Demo]) -> Demo:
    return demos("db")


@pytest.fixture(scope="module")
def handle(demo: Demo) -> str:
    """The handle of a session with very long values."""
    demo.user("w" * 100)
    long = {"ip": "2001:db8:1234:5678:9abc:def0:1234:5678", "label": "label " * 16}
    return demo.session("w" * 100, user_agent=LONG, data=DATA, **long)


@pytest.fixture
def admin(chromium: Chromium, demo: Demo) -> Iterator[Chromium]:
    enter(chromium, demo)
    yield chromium
    assert chromium.errors() == []


PAGES: dict[str, Callable[[str], str]] = {
    "list": lambda handle: LIST,
    "found": lambda handle: f"{LIST}?q={handle}",
    "empty": lambda handle: f"{LIST}?q=nobody",
    "session": lambda handle: f"{LIST}{handle}/change/",
    "end": lambda handle: f"{LIST}{handle}/delete/",
    "end all": lambda handle: f"{LIST}end-all/",
}
every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_no_page_is_wider_than_the_screen(admin: Chromium, handle: str, page: str) -> None:
    for language in ("en", "de", "ar"):
        admin.speak(language)
        for size in (DESKTOP, PHONE):
            admin.look(size)
            admin.open(PAGES[page](handle))
            assert admin.run(chromiums.TOO_WIDE, TABLE) == [], (language, size)


@every_page
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_texts_can_be_read(admin: Chromium, handle: str, page: str, colours: str) -> None:
    """WCAG 2.2, level AA."""
    admin.look(colours=colours)
    admin.open(PAGES[page](handle))
    contrasts = admin.run(chromiums.CONTRASTS, OURS)
    assert contrasts or page == "empty"
    assert min(contrasts, default=4.5) >= 4.5


def test_dark_is_dark(admin: Chromium) -> None:
    shades = []
    for colours in ("light", "dark"):
        admin.look(colours=colours)
        admin.open(LIST)
        shades.append(admin.run("return getComputedStyle(document.body).backgroundColor"))
    assert len({*shades}) == 2


@pytest.mark.parametrize(("language", "begins"), [("en", "left"), ("he", "right")])
def test_charts_begin_where_one_begins_to_read(admin: Chromium, language: str, begins: str) -> None:
    """In reading direction come the label, the bar and the number, without overlaps."""
    admin.speak(language)
    admin.open(LIST)
    script = """
        const parts = document.querySelectorAll(".session-chart svg > :not(.bar)");
        return [...parts].slice(0, 3).map(part => part.getBoundingClientRect())
            .map(box => [box.left, box.right]);
    """
    boxes = admin.run(script)
    edges = [edge for box in (boxes if begins == "left" else boxes[::-1]) for edge in box]
    assert edges == sorted(edges)
    assert len({*edges}) == 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_label_of_a_chart_reaches_its_bar(admin: Chromium, language: str) -> None:
    admin.speak(to_language(language))
    admin.open(LIST)
    script = """
        const labels = [...document.querySelectorAll(".session-chart text:has(+ .track)")];
        const edges = (label, bar) => [label.getBoundingClientRect().right,
            bar.getBoundingClientRect().left];
        return labels.map(label => [label.textContent, ...edges(label, label.nextElementSibling)]);
    """
    labels = admin.run(script)
    assert len(labels) > 5
    assert [label for label, end, begin in labels if end >= begin] == []
