"""A running demo with a process that creates users and sessions, and actions in its admin."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver.support.ui import Select

from django_multisession.core import keys
from support.chromium import Chromium
from support.demo_sites import (
    DEADLINE,
    PLACES,
    TESTS,
    Browser,
    environment,
    killed_at_last,
    manage,
    running_in,
)
from support.user_agents import FIREFOX

LIST = "/admin/django_multisession/session/"
# is_unharmed() notices if it becomes an element or if its script runs.
MARKUP = '<b class=hacked>"\'></b></script><img class=hacked src=x onerror="window.hacked=1">'


class Demo:
    """A running demo: its URL, its environment, and the process that creates data in it."""

    def __init__(self, place: str, folder: Path, kept_in: dict[str, str], site: str) -> None:
        self.place, self.folder, self.kept_in, self.site = place, folder, kept_in, site
        self.keys: set[str] = set()  # of the sessions that it has created

    def user(self, name: str, email: str = "", password: str = "") -> str:
        """Create a user and return the primary key. Without a password, it cannot use the form."""
        return str(self._call("user", name=name, email=email, password=password))

    def session(self, name: str | None = None, **options: Any) -> str:
        """Create a session and return its handle. ``options``: see `demo_seeds.session`."""
        return keys.hash_key(self.key(name, **options))

    def key(self, name: str | None = None, **options: Any) -> str:
        """Create a session and return its key."""
        made = self._call("session", name=name, **options)
        self.keys.add(made["key"])
        return str(made["key"])

    def crowd(self, number: int) -> list[str]:
        return list(self._call("crowd", number=number))

    def clear(self) -> None:
        self._call("clear")

    def manage(self, *arguments: str) -> str:
        """Run a management command, which must succeed, and return its output."""
        with manage(self.folder, self.kept_in, *arguments) as process:
            output = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0, output
        return output

    @contextmanager
    def seeded(self) -> Iterator[Demo]:
        command = [sys.executable, "-W", "error", str(TESTS / "support" / "demo_seeds.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        variables = environment(self.folder, self.kept_in)
        with killed_at_last(subprocess.Popen(command, env=variables, **pipes)) as self._seeds:
            yield self
            self._seeds.communicate(timeout=DEADLINE)

    def _call(self, call: str, /, **arguments: Any) -> Any:
        """Call a function of `demo_seeds` in the process. If that ends, json.loads() raises."""
        assert self._seeds.stdin
        assert self._seeds.stdout
        self._seeds.stdin.write(json.dumps([call, arguments]) + "\n")
        self._seeds.stdin.flush()
        return json.loads(self._seeds.stdout.readline())


@contextmanager
def demo_in(folder: Path, place: str, **variables: str) -> Iterator[Demo]:
    """Run a demo with this engine. ``variables`` are added to its environment."""
    kept_in = {**PLACES[place](), **variables}
    with (
        running_in(folder, kept_in) as site,
        Demo(place, folder, kept_in, site).seeded() as demo,
    ):
        yield demo


# In the admin


def enter(browser: Chromium, demo: Demo) -> None:
    """Log the browser in as the administrator, without the login form."""
    visitor = Browser(demo.site, FIREFOX)
    visitor.log_in("admin")
    assert visitor.key
    browser.begin(demo.site)
    browser.take_over(visitor.key)


# In the list of sessions


def handles(admin: Chromium) -> list[str]:
    """Return the handles of the sessions in the list, from the top."""
    script = "return [...document.querySelectorAll('input.action-select')].map(box => box.value)"
    return list(admin.run(script))


def own(admin: Chromium) -> str:
    """Open the list and return the handle of the browser's own session."""
    admin.open(LIST)
    return str(admin.run("return document.querySelector('tr:has(.session-mark) input').value"))


def search(admin: Chromium, text: str) -> None:
    admin.type("q", text)
    admin.press("Search")


def choose(admin: Chromium, action: str, *selected: str) -> None:
    """Select sessions and an action in the list, and open the confirmation page."""
    admin.open(LIST)
    for handle in selected:
        admin.find(f'input.action-select[value="{handle}"]').click()
    Select(admin.find(".actions select")).select_by_visible_text(action)
    admin.press(".actions [name=index]")


def is_unharmed(admin: Chromium) -> bool:
    """Return whether nothing of MARKUP has become an element or has run."""
    script = "return window.hacked === undefined && !document.querySelector('.hacked')"
    return bool(admin.run(script))


def search_all_pages(admin: Chromium) -> tuple[list[str], int]:
    """Return the handles on this page and all following ones, and how many were searched."""
    found, searched = list[str](), 0
    while True:
        found += handles(admin)
        searched += sum(map(int, re.findall(r"Searched (\d+) session", admin.text)))
        if not admin.all(".session-pages a + a"):
            return found, searched
        admin.press("Continue searching")


# Other browsers


def session_handle(browser: Browser) -> str:
    return str(browser.session()["handle"])


def user_of(browser: Browser) -> object:
    """Return the user name of the browser's next request."""
    return browser.session()["user"]
