"""axe-core finds no accessibility problems in the session browser.

Only elements of this package are checked. Those around them are Django's.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support import axe
from support.admin_demos import LIST, Demo, choose, enter
from support.chromium import DESKTOP, PHONE, Chromium
from support.user_agents import FIREFOX

DATA = {"token": "T-123", "deep": {"deep": ["a", {"b": None}]}}
# Elements of this package, and its content in Django's: cells of the list, confirmation forms.
OURS = (
    "[class^=session-], [class*=' session-']",
    "#content-main form:not(#changelist-form, #changelist-search)",
    ".results td, .results tbody th",
    ".object-tools",
)


@pytest.fixture(scope="module")
def demo(demos: Callable[..., Demo]) -> Demo:
    return demos("db")


@pytest.fixture(scope="module")
def handle(demo: Demo) -> str:
    return demo.session("ada", user_agent=FIREFOX, ip="192.0.2.1", label="laptop", data=DATA)


@pytest.fixture(scope="module")
def admin(chromium: Chromium, demo: Demo) -> Chromium:
    enter(chromium, demo)
    return chromium


def show_hidden(admin: Chromium, handle: str) -> None:
    admin.open(f"{LIST}{handle}/change/")
    admin.press("Show hidden values")


PAGES: dict[str, Callable[[Chromium, str], None]] = {
    "list": lambda admin, handle: admin.open(LIST),
    "nothing found": lambda admin, handle: admin.open(f"{LIST}?q=nobody"),
    "session": lambda admin, handle: admin.open(f"{LIST}{handle}/change/"),
    "hidden values": show_hidden,
    "end": lambda admin, handle: admin.open(f"{LIST}{handle}/delete/"),
    "end selected": lambda admin, handle: choose(admin, "End selected sessions", handle),
    "end all": lambda admin, handle: admin.open(f"{LIST}end-all/"),
}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_ours_is_accessible(admin: Chromium, handle: str, page: str) -> None:
    admin.look()
    PAGES[page](admin, handle)
    for size in (DESKTOP, PHONE):
        for colours in ("light", "dark"):
            admin.look(size, colours)
            assert axe.violations(admin, *OURS) == [], (size, colours)
