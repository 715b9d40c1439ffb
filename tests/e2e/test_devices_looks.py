"""The layout of the device pages in Chromium: long texts, all screen sizes, right-to-left text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support import chromium as chromiums
from support.admin_demos import Demo
from support.chromium import DESKTOP, NARROW, PHONE, Chromium
from support.demo_sites import tells_of_the_end
from support.device_demos import (
    HOSTILE,
    LAPTOP,
    LIST,
    LONG_AGO,
    OTHERS,
    confirm,
    newcomer,
    page_of,
    settle,
)
from support.user_agents import IPHONE

WIDE = "w" * 100
HEBREW = "המחשב של סבתא 2"
ADDRESS = "2001:db8:1234:5678:9abc:def0:1234:5678"
BOXES = """
    const article = [...document.querySelectorAll(".multisession-device")]
        .find(each => each.innerText.includes(arguments[0]));
    return arguments[1].map(part => article.querySelector(part).getBoundingClientRect())
        .map(box => [box.left, box.right]);
"""
# The number of lines that each button and link of one word takes.
LINES = """
    return [...document.querySelectorAll(".multisession-button")]
        .filter(each => !each.innerText.trim().includes(" "))
        .map(each => {
            const range = document.createRange();
            range.selectNodeContents(each);
            return new Set([...range.getClientRects()].map(box => box.top)).size;
        });
"""


@pytest.fixture(scope="module", params=["own", "project"])
def demo(request: Any, demos: Any) -> Demo:
    """Run a demo whose device pages have the layout of the parameter."""
    return demos("db", FRAME=request.param)


@pytest.fixture
def name(demo: Demo) -> str:
    return newcomer(demo)


@pytest.fixture
def wide(demo: Demo, name: str) -> str:
    """Return the handle of a device with long texts."""
    return demo.session(name, label=WIDE, user_agent=HOSTILE, ip=ADDRESS)


@pytest.fixture
def chromium(chromium: Chromium, demo: Demo, name: str) -> Iterator[Chromium]:
    settle(chromium, demo, name, LAPTOP, data=LONG_AGO)
    yield chromium
    assert chromium.errors() == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_page_is_wider_than_the_screen(
    chromium: Chromium, demo: Demo, name: str, wide: str, language: str
) -> None:
    demo.session(name, user_agent=HOSTILE, ip=ADDRESS)
    chromium.speak(language)
    for path in (LIST, page_of(wide, "rename"), page_of(wide, "end"), OTHERS, "/"):
        chromium.open(path)
        for size in (DESKTOP, PHONE, NARROW):
            chromium.look(size)
            assert chromium.run(chromiums.TOO_WIDE, "none") == [], (path, size)


def test_a_message_with_a_long_name_is_no_wider(chromium: Chromium, wide: str) -> None:
    chromium.look(NARROW)
    chromium.open(page_of(wide, "end"))
    confirm(chromium, "their own")
    assert tells_of_the_end(WIDE) in chromium.text
    assert chromium.run(chromiums.TOO_WIDE, "none") == []


def test_no_button_breaks_its_word(chromium: Chromium, wide: str) -> None:
    for size in (DESKTOP, PHONE, NARROW):
        chromium.look(size)
        for path in (LIST, page_of(wide, "rename")):
            chromium.open(path)
            assert {*chromium.run(LINES)} == {1}, (path, size)


def test_who_reads_from_right_to_left_finds_all_mirrored(
    chromium: Chromium, demo: Demo, name: str
) -> None:
    demo.session(name, label="other", user_agent=IPHONE)
    orders = []
    for language in ("en", "he"):
        chromium.speak(language)
        chromium.open(LIST)
        boxes = chromium.run(BOXES, "other", [".multisession-icon", "h2 bdi", ".multisession-acts"])
        orders.append(boxes if language == "en" else boxes[::-1])
    for boxes in orders:
        edges = [edge for box in boxes for edge in box]
        assert edges == sorted(edges)


def test_a_name_from_right_to_left_leaves_the_rest_alone(
    chromium: Chromium, demo: Demo, name: str
) -> None:
    """The elements before and after a right-to-left name keep their places."""
    demo.session(name, label=HEBREW, user_agent=IPHONE, ip=ADDRESS)
    chromium.open(LIST)
    icon, title, acts = chromium.run(
        BOXES, HEBREW, [".multisession-icon", "h2 bdi", ".multisession-acts"]
    )
    assert icon[1] < title[0] < title[1] < acts[0]


def test_dark_is_dark(chromium: Chromium) -> None:
    shades = []
    for colours in ("light", "dark"):
        chromium.look(colours=colours)
        chromium.open(LIST)
        shades += chromium.run(
            "return [document.body, document.querySelector('.multisession-device')]"
            ".map(each => getComputedStyle(each).backgroundColor)"
        )
    assert len({*shades}) == 4
