"""`manage.py demo` in a process of its own, with any engine, and browsers that visit it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from itertools import count
from pathlib import Path
from typing import Any, AnyStr
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import pytest

from support.dynamodb_servers import MOTO
from support.redis_servers import ALONE, CLUSTER
from support.servers import HOST, free_port

DEADLINE = 60  # seconds for the demo to come up, or to end
TESTS = Path(__file__).resolve().parents[1]
MANAGE = TESTS.parent / "testproject" / "manage.py"

NUMBERS = count(1)  # of Redis databases and DynamoDB tables, so that demos share none

# Name of an engine -> a function that returns the environment of a demo with it.
PLACES: dict[str, Callable[[], dict[str, str]]] = {
    "db": lambda: {"SESSION_BACKEND": "db"},
    "memory": lambda: {"SESSION_BACKEND": "memory"},
    "redis": lambda: redis(f"{ALONE.url}/{next(NUMBERS)}"),
    "cluster": lambda: redis(CLUSTER.url),
    "dynamodb": lambda: dynamodb(MOTO.url, f"demo-{next(NUMBERS)}"),
}
ELSEWHERE = [pytest.param(p, marks=pytest.mark.thorough) for p in ("redis", "cluster", "dynamodb")]
EVERYWHERE = ["db", *ELSEWHERE]


class Browser:
    """A browser with cookies. It records all responses and all session keys."""

    def __init__(self, site: str, user_agent: str = "") -> None:
        self.site = site
        self.texts: list[str] = []
        self.keys: set[str] = set()
        self._cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))
        self._opener.addheaders = [("User-Agent", user_agent)]

    @property
    def key(self) -> str | None:
        return next((c.value for c in self._cookies if c.name == "sessionid"), None)

    def open(self, path: str, data: dict[str, str] | None = None) -> str:
        """Send GET, or POST if there is data, and follow redirects. Raises HTTPError."""
        body = urlencode(data).encode() if data is not None else None
        try:
            with self._opener.open(self.site + path, body, timeout=DEADLINE) as response:
                return self._keep(response)
        except HTTPError as error:
            with error:
                self._keep(error)
            raise

    def submit(self, page: str, path: str, **data: str) -> str:
        """Open a page and send a form to the path, with the CSRF token of the page."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.open(page))
        assert token
        return self.open(path, {"csrfmiddlewaretoken": token[1], **data})

    def log_in(self, name: str, password: str = "demo") -> str:
        return self.submit("/login/", "/login/", username=name, password=password)

    def session(self) -> Any:
        return json.loads(self.open("/api/session/"))

    def _keep(self, response: Any) -> str:
        text: str = response.read().decode()
        self.texts.append(text)
        self.keys |= {self.key} if self.key else set()
        return text


def assert_no_key_is_shown(*browsers: Browser) -> None:
    """Assert that no response to any of these browsers contains a key of any of them."""
    keys = [key for browser in browsers for key in browser.keys]
    texts = [text for browser in browsers for text in browser.texts]
    assert keys
    assert not [key for key in keys for text in texts if key in text]


def tells_of_the_end(name: str) -> str:
    """Return the message for a device that was signed out. The name is in bidi isolates."""
    return f"\u2068{name}\u2069 is signed out."


def redis(url: str) -> dict[str, str]:
    return {"SESSION_BACKEND": "redis", "MULTISESSION_REDIS_URL": url}


def dynamodb(url: str, table: str) -> dict[str, str]:
    server = {"DYNAMODB_URL": url, "MULTISESSION_DYNAMODB_TABLE": table}
    return {"SESSION_BACKEND": "dynamodb", **server}


@contextmanager
def running(folder: Path, place: str) -> Iterator[str]:
    """Run a demo with this engine and yield its URL."""
    with running_in(folder, PLACES[place]()) as site:
        yield site


@contextmanager
def running_in(folder: Path, place: dict[str, str], port: int | None = None) -> Iterator[str]:
    """Run a demo with this environment and yield its URL. Without a port, any free one is used."""
    address = f"{HOST}:{port or free_port()}"
    with (folder / "log").open("wb") as log:
        process = _start(folder, place, address, stdout=log, stderr=log)
    try:
        _wait_for(process, f"http://{address}", folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(DEADLINE)


def output(folder: Path, place: dict[str, str], *arguments: str) -> str:
    """Return the output of a demo that exits by itself."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with killed_at_last(_start(folder, place, *arguments, **pipes)) as process:
        return process.communicate(timeout=DEADLINE)[0].decode()


@contextmanager
def manage(folder: Path, place: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a management command of the demo's project. Its output includes stderr."""
    command = [sys.executable, "-W", "error", str(MANAGE), *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    options = {"env": environment(folder, place), "text": True, **pipes}
    with killed_at_last(subprocess.Popen(command, **options)) as process:
        yield process


@contextmanager
def killed_at_last(process: subprocess.Popen[AnyStr]) -> Iterator[subprocess.Popen[AnyStr]]:
    """Kill the process at the end. After a failed test, Popen would wait for it without limit."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def environment(folder: Path, place: dict[str, str]) -> dict[str, str]:
    """Return the environment of a demo with a database in this folder."""
    folders = [str(TESTS), str(MANAGE.parent), os.environ.get("PYTHONPATH")]
    paths = os.pathsep.join(filter(None, folders))
    settings = {"DJANGO_SETTINGS_MODULE": "support.demo_settings", "PYTHONPATH": paths}
    return {**os.environ, **settings, **place, "SQLITE": str(folder / "demo.sqlite3")}


def _start(
    folder: Path, place: dict[str, str], *arguments: str, **options: Any
) -> subprocess.Popen[bytes]:
    """Start the demo. Warnings are errors."""
    command = [sys.executable, "-W", "error", str(MANAGE), "demo", *arguments]
    return subprocess.Popen(command, env=environment(folder, place), **options)


def _wait_for(process: subprocess.Popen[bytes], site: str, log: Path) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            Browser(site).session()
        except URLError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        else:
            return
