"""The demo changes its engine several times. Logged-in users must not notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from django_multisession.core.keys import hash_key
from support.demo_sites import DEADLINE, Browser, dynamodb, manage, redis, running_in
from support.dynamodb_servers import MOTO
from support.migrate_command import empty_redis
from support.servers import HOST, free_port

UNKNOWN = "does not know which sessions belong to a user"
# Engines and their previous engines. The last ones still name Django's engine, for users who have
# not visited the site meanwhile.
FORTH = [
    ("django", ""),
    ("db", "django"),
    ("redis", "db,django"),
    ("dynamodb", "redis,db,django"),
]
BACK = [("django", ""), ("db", "django"), ("django_db", "db,django"), ("django", "")]
DJANGOS = {"django", "django_db"}


class Demo:
    """A demo with one port, one database and one server of each kind."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.site = f"http://{HOST}:{self.port}"

    @contextmanager
    def on(self, backend: str, before: str = "") -> Iterator[None]:
        with running_in(self.folder, self.environment(backend, before), self.port):
            yield

    @cached_property
    def redis(self) -> str:
        return empty_redis()

    def migrate(self, backend: str, before: str, *arguments: str) -> str:
        """Run `migratesessions`, which must succeed, and return its output."""
        with manage(
            self.folder, self.environment(backend, before), "migratesessions", *arguments
        ) as process:
            output = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0, output
        return output

    def environment(self, backend: str, before: str) -> dict[str, str]:
        named = {backend, *before.split(",")}
        servers: dict[str, str] = {}
        if "redis" in named:
            servers |= redis(self.redis)
        if "dynamodb" in named:
            servers |= dynamodb(MOTO.url, f"switch-{self.port}")
        return {**servers, "SESSION_BACKEND": backend, "SESSION_MIGRATE_FROM": before}


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path)


def fill_cart(browser: Browser) -> None:
    browser.open("/")
    browser.log_in("ada")
    browser.submit("/", "/remember/", name="cart", value="3 books")


def assert_is_known(browser: Browser, backend: str) -> None:
    """Assert that the browser is still logged in as ada, with the same cart and key."""
    key = browser.key
    assert key
    before = browser.session()
    assert before["user"] == "ada", backend
    page = browser.open("/")
    assert "Hello, ada." in page
    assert "3 books" in page
    assert browser.key == key
    if backend not in DJANGOS:
        assert before["handle"] == hash_key(key)
        assert before["references"].keys() == {"user"}


def visits(browser: Browser) -> int:
    """Visit the home page and return how many visits it has counted."""
    return int(browser.open("/").split(" time")[0].rpartition("<strong>")[2])


@pytest.mark.parametrize("steps", [BACK, FORTH])
def test_who_is_logged_in_stays_so(demo: Demo, steps: list[tuple[str, str]]) -> None:
    """One browser visits the site on every engine, another one only on the last ones."""
    often, seldom = Browser(demo.site), Browser(demo.site)
    counted = 0
    for backend, before in steps:
        with demo.on(backend, before):
            if not counted:
                fill_cart(often)
                fill_cart(seldom)
            assert_is_known(often, backend)
            now = visits(often)
            assert now > counted, backend
            counted = now
            if backend == steps[-1][0] and before:
                assert_is_known(seldom, backend)


def test_who_logs_out_on_the_new_engine_is_logged_out_of_the_old(demo: Demo) -> None:
    browser, other = Browser(demo.site), Browser(demo.site)
    with demo.on("django"):
        fill_cart(browser)
        fill_cart(other)
    with demo.on("db", "django"):
        browser.submit("/", "/logout/")
        assert "Hello, stranger." in browser.open("/")
    with demo.on("django"):
        assert browser.session()["user"] is None
        assert other.session()["user"] == "ada"


def test_in_bulk_on_the_way(demo: Demo) -> None:
    """After all sessions were moved in bulk, the previous engine is not needed any more."""
    browsers = [Browser(demo.site) for _ in range(3)]
    with demo.on("django"):
        for browser in browsers:
            fill_cart(browser)
    with demo.on("db", "django"):
        assert_is_known(browsers[0], "db")
        assert "2 sessions to move." in demo.migrate("db", "django", "--dry-run")
        assert "2 sessions moved." in demo.migrate("db", "django")
        assert "0 sessions moved." in demo.migrate("db", "django")
    with demo.on("redis", "db"):
        demo.migrate("redis", "db")
    with demo.on("redis"):
        for browser in browsers:
            assert_is_known(browser, "redis")


def test_pages_on_djangos_engine(demo: Demo) -> None:
    """On Django's engine, pages say that they cannot list sessions."""
    browser = Browser(demo.site)
    with demo.on("django"):
        assert "Hello, stranger." in browser.open("/")
        page = browser.log_in("ada")
        assert UNKNOWN in page
        assert "Known" not in page
        assert browser.session().keys() == {"user", "fields"}
        assert "/devices/" not in page
        for path in ("/devices/", "/api/devices/"):
            with pytest.raises(HTTPError, match="404"):
                browser.open(path)
        assert "Hello, stranger." in browser.submit("/", "/logout/")


@pytest.fixture
def chromium() -> Iterator[Any]:
    from support.chromium import running  # imports selenium, which is slow

    with running() as it:
        yield it


def test_a_real_browser_stays_logged_in(demo: Demo, chromium: Any) -> None:
    chromium.begin(demo.site)
    for backend, before in FORTH:
        with demo.on(backend, before):
            if backend == "django":
                chromium.log_in("admin")
            else:
                demo.migrate(backend, before)
            chromium.open("/")
            assert "Hello, admin." in chromium.text
            assert (UNKNOWN in chromium.text) == (backend == "django")
            if backend != "django":
                assert "This device" in chromium.text
    assert len(chromium.keys) == 1
    assert not chromium.errors()
