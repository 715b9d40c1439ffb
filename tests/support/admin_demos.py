"""Demos, each with what makes further users and sessions in it, and what people do in the admin."""

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
# Whatever of it becomes an element, or runs, is seen by `is_unharmed`.
MARKUP = '<b class=hacked>"\'></b></script><img class=hacked src=x onerror="window.hacked=1">'


class Demo:
    """A running one: where it is, and who seeds it."""

    def __init__(self, place: str, folder: Path, kept_in: dict[str, str], site: str) -> None:
        self.place, self.folder, self.kept_in, self.site = place, folder, kept_in, site
        self.keys: set[str] = set()  # of the sessions that were made here

    def user(self, name: str, email: str = "", password: str = "") -> str:
        """The primary key. Without a password, only a session lets them in."""
        return str(self._call("user", name=name, email=email, password=password))

    def session(self, name: str | None = None, **options: Any) -> str:
        """The handle of a new one. ``options``: as `demo_seeds.session` takes them."""
        return keys.hash_key(self.key(name, **options))

    def key(self, name: str | None = None, **options: Any) -> str:
        """The same; its key."""
        made = self._call("session", name=name, **options)
        self.keys.add(made["key"])
        return str(made["key"])

    def crowd(self, number: int) -> list[str]:
        return list(self._call("crowd", number=number))

    def clear(self) -> None:
        self._call("clear")

    def manage(self, *arguments: str) -> str:
        """What a command of the project says, which must succeed."""
        with manage(self.folder, self.kept_in, *arguments) as process:
            said = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0, said
        return said

    @contextmanager
    def seeded(self) -> Iterator[Demo]:
        command = [sys.executable, "-W", "error", str(TESTS / "support" / "demo_seeds.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        variables = environment(self.folder, self.kept_in)
        with killed_at_last(subprocess.Popen(command, env=variables, **pipes)) as self._seeds:
            yield self
            self._seeds.communicate(timeout=DEADLINE)

    def _call(self, call: str, /, **arguments: Any) -> Any:
        """An answer that does not come is the process's end, and no JSON."""
        assert self._seeds.stdin
        assert self._seeds.stdout
        self._seeds.stdin.write(json.dumps([call, arguments]) + "\n")
        self._seeds.stdin.flush()
        return json.loads(self._seeds.stdout.readline())


@contextmanager
def demo_in(folder: Path, place: str, **variables: str) -> Iterator[Demo]:
    """``variables``: further ones of its environment."""
    kept_in = {**PLACES[place](), **variables}
    with (
        running_in(folder, kept_in) as site,
        Demo(place, folder, kept_in, site).seeded() as demo,
    ):
        yield demo


# In the admin


def enter(browser: Chromium, demo: Demo) -> None:
    """As the administrator, without the form."""
    visitor = Browser(demo.site, FIREFOX)
    visitor.log_in("admin")
    assert visitor.key
    browser.begin(demo.site)
    browser.take_over(visitor.key)


# In the list of sessions


def handles(admin: Chromium) -> list[str]:
    """Of those that are shown, from the top."""
    script = "return [...document.querySelectorAll('input.action-select')].map(box => box.value)"
    return list(admin.run(script))


def own(admin: Chromium) -> str:
    """The handle of one's own, for which the list is opened."""
    admin.open(LIST)
    return str(admin.run("return document.querySelector('tr:has(.session-mark) input').value"))


def search(admin: Chromium, text: str) -> None:
    admin.type("q", text)
    admin.press("Search")


def choose(admin: Chromium, action: str, *selected: str) -> None:
    """An action, up to the page that asks."""
    admin.open(LIST)
    for handle in selected:
        admin.find(f'input.action-select[value="{handle}"]').click()
    Select(admin.find(".actions select")).select_by_visible_text(action)
    admin.press(".actions [name=index]")


def is_unharmed(admin: Chromium) -> bool:
    """Did nothing of what was to be shown run, or become an element?"""
    script = "return window.hacked === undefined && !document.querySelector('.hacked')"
    return bool(admin.run(script))


def look_through(admin: Chromium) -> tuple[list[str], int]:
    """The handles on this page and on all that follow, and at how many it looked for them."""
    found, looked_at = list[str](), 0
    while True:
        found += handles(admin)
        looked_at += sum(map(int, re.findall(r"Looked at (\d+) session", admin.text)))
        if not admin.all(".session-pages a + a"):
            return found, looked_at
        admin.press("Look on")


# Of other browsers


def handle_of(browser: Browser) -> str:
    return str(browser.session()["handle"])


def user_of(browser: Browser) -> object:
    """Of its next request."""
    return browser.session()["user"]
