"""The device pages pass the accessibility rules of axe-core.

Every page, in the package's layout and in a project's, light and dark, large and small.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from support import axe
from support.admin_demos import Demo
from support.chromium import DESKTOP, PHONE, Chromium
from support.device_demos import LAPTOP, LIST, LONG_AGO, OTHERS, confirm, newcomer, page_of, settle
from support.user_agents import IPHONE

SCREENS = [(size, colours) for size in (DESKTOP, PHONE) for colours in ("light", "dark")]


class Visit:
    """A user with this number of devices, who signed in on the current one long ago."""

    def __init__(self, chromium: Chromium, demo: Demo, devices: int = 2, **user: str) -> None:
        self.chromium, self.demo = chromium, demo
        name = newcomer(demo, **user)
        self.others = [
            demo.session(name, user_agent=IPHONE, ip="2001:db8::17", label="Telephone " * (n % 4))
            for n in range(devices - 1)
        ]
        self.own = settle(chromium, demo, name, LAPTOP, data=LONG_AGO)
        self.open = chromium.open

    def open_other(self, what: str) -> None:
        self.open(page_of(self.others[0], what))


def mislabel(visit: Visit) -> None:
    """Send a name that is too long, which the field's maxlength would prevent."""
    visit.open_other("rename")
    visit.chromium.run("document.querySelector('[name=label]').removeAttribute('maxlength')")
    visit.chromium.type("label", "x" * 101)
    visit.chromium.press("Save")
    assert visit.chromium.all(".errorlist li")


def rename(visit: Visit) -> None:
    visit.open_other("rename")
    visit.chromium.type("label", "Kitchen")
    visit.chromium.press("Save")
    assert "The name is saved." in visit.chromium.text


def guess(visit: Visit) -> None:
    visit.open_other("end")
    confirm(visit.chromium, "a guess")
    assert visit.chromium.all(".errorlist li") == ["That password is not correct. Try again."]


def confirmed(visit: Visit) -> None:
    """Open a page that does not ask for the password."""
    visit.open(page_of(visit.own, "end"))
    assert not visit.chromium.all("[type=password]")


def asked(visit: Visit) -> None:
    visit.open_other("end")
    assert visit.chromium.all("[type=password]")


def elsewhere(visit: Visit) -> None:
    visit.open(OTHERS)
    assert visit.chromium.all("[role=note]")


def gone(visit: Visit) -> None:
    visit.open(page_of("A" * 43, "end"))
    assert "Device not found" in visit.chromium.text
    assert len(visit.chromium.errors()) == 1  # the 404 itself


# Name -> the number of devices, and the steps to the page.
PAGES: dict[str, tuple[int, Callable[[Visit], None]]] = {
    "one device": (1, lambda visit: visit.open(LIST)),
    "many devices": (45, lambda visit: visit.open(LIST)),
    "the second page": (45, lambda visit: visit.open(f"{LIST}?page=2")),
    "a message": (2, rename),
    "rename": (2, lambda visit: visit.open_other("rename")),
    "a wrong name": (2, mislabel),
    "end": (2, confirmed),
    "end with the password": (2, asked),
    "a wrong password": (2, guess),
    "end others": (3, lambda visit: visit.open(OTHERS)),
    "end many others": (45, lambda visit: visit.open(OTHERS)),
    "end no others": (1, lambda visit: visit.open(OTHERS)),
    "gone": (1, gone),
}


@pytest.fixture(scope="module", params=["own", "project"])
def demo(request: Any, demos: Any) -> Demo:
    """Run a demo whose device pages have the layout of the parameter."""
    return demos("db", FRAME=request.param)


def assert_is_accessible(chromium: Chromium, *parts: str) -> None:
    for size, colours in SCREENS:
        chromium.look(size, colours)
        assert axe.violations(chromium, *parts) == [], (size, colours)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_accessible(chromium: Chromium, demo: Demo, page: str) -> None:
    devices, get_there = PAGES[page]
    visit = Visit(chromium, demo, devices)
    get_there(visit)
    assert_is_accessible(chromium)
    assert not chromium.errors()


@pytest.mark.parametrize("language", ["de", "ar"])
def test_a_page_in_another_language_is_accessible(
    chromium: Chromium, demo: Demo, language: str
) -> None:
    visit = Visit(chromium, demo)
    chromium.speak(language)
    for path in (LIST, OTHERS, page_of(visit.others[0], "rename")):
        chromium.open(path)
        assert_is_accessible(chromium)


def test_who_has_no_password_is_told_accessibly(chromium: Chromium, demo: Demo) -> None:
    visit = Visit(chromium, demo, password="")
    elsewhere(visit)
    assert_is_accessible(chromium)


@contextmanager
def outage(demo: Demo) -> Iterator[None]:
    """Rename the table of sessions away, as an outage."""
    rename = "ALTER TABLE {} RENAME TO {}"
    tables = ["django_multisession_session", "away"]
    with closing(sqlite3.connect(demo.folder / "demo.sqlite3", timeout=20)) as database:
        database.execute(rename.format(*tables))
        try:
            yield
        finally:
            database.execute(rename.format(*reversed(tables)))


def test_an_outage_is_told_accessibly(chromium: Chromium, demo: Demo) -> None:
    Visit(chromium, demo)
    with outage(demo):
        chromium.open(LIST)
    assert "Your devices cannot be shown" in chromium.text
    assert_is_accessible(chromium)
    chromium.open(LIST)
    assert "Your devices" in chromium.all("h1")
