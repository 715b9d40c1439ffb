"""`manage.py demo`, and its pages over real HTTP, as somebody who tries the package meets them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from http.cookiejar import CookieJar
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import pytest

from redis_servers import ALONE, CLUSTER
from servers import HOST, free_port

DEADLINE = 20  # seconds for the demo to come up, or to end
MANAGE = Path(__file__).resolve().parent.parent / "testproject" / "manage.py"
SIMULATED = ["ada", "ada", "grace", "grace", "linus", "linus"]
ROW = re.compile(r"^(ada|grace|linus) .* (just now|ago) +in \d+ (?:h|days) +[\w-]{8}$", re.M)

NUMBERS = count(1)  # of databases of the Redis that other tests use, too

# Name -> the environment of a demo whose sessions are kept there.
PLACES: dict[str, Callable[[], dict[str, str]]] = {
    "db": lambda: {"SESSION_BACKEND": "db"},
    "memory": lambda: {"SESSION_BACKEND": "memory"},
    "redis": lambda: _redis(f"{ALONE.url}/{next(NUMBERS)}"),
    "cluster": lambda: _redis(CLUSTER.url),
}
CLUSTERED = pytest.param("cluster", marks=pytest.mark.thorough)
everywhere = pytest.mark.parametrize("site", ["db", "redis", CLUSTERED], indirect=True)


class Browser:
    """Keeps cookies, and every text and every session key it was ever sent."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.texts: list[str] = []
        self.keys: set[str] = set()
        self._cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))

    @property
    def key(self) -> str | None:
        return next((c.value for c in self._cookies if c.name == "sessionid"), None)

    def open(self, path: str, data: dict[str, str] | None = None) -> str:
        """GET, or POST where there is data; redirects are followed."""
        body = urlencode(data).encode() if data is not None else None
        with self._opener.open(self.site + path, body, timeout=DEADLINE) as response:
            text: str = response.read().decode()
        self.texts.append(text)
        self.keys |= {self.key} if self.key else set()
        return text

    def submit(self, page: str, path: str, **data: str) -> str:
        """Open the page, and send a form of it to the path."""
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.open(page))
        assert token
        return self.open(path, {"csrfmiddlewaretoken": token[1], **data})

    def log_in(self, name: str) -> str:
        return self.submit("/login/", "/login/", username=name, password="demo")

    def session(self) -> Any:
        return json.loads(self.open("/api/session/"))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The address of a demo in a place, which runs from when it is first asked for."""
    with ExitStack() as running:
        yield cache(
            lambda place: running.enter_context(_running(tmp_path_factory.mktemp("demo"), place))
        )


@pytest.fixture
def site(request: pytest.FixtureRequest, sites: Callable[[str], str]) -> str:
    """The address of a running demo; in the database, unless the test names other places."""
    return sites(getattr(request, "param", "db"))


@pytest.fixture
def browser(site: str) -> Browser:
    return Browser(site)


@everywhere
def test_a_second_request_sees_what_the_first_one_left(browser: Browser) -> None:
    assert "<strong>1 time</strong>" in browser.open("/")
    assert "<strong>2 times</strong>" in browser.open("/")
    assert json.loads(browser.open("/api/visits/")) == {"visits": 3, "user": None}
    assert "<strong>4 times</strong>" in browser.open("/")


@everywhere
def test_a_field_is_remembered_and_forgotten(browser: Browser) -> None:
    page = browser.submit("/", "/remember/", name="drink", value="<b>tea</b>")
    assert "drink" in browser.session()["fields"]
    assert "&lt;b&gt;tea&lt;/b&gt;" in page
    assert "<b>tea" not in page
    assert "tea" not in browser.submit("/", "/forget/", name="drink")
    assert "drink" not in browser.session()["fields"]


@pytest.mark.parametrize("name", ["_auth_user_id", "visits", "demo", "9", ""])
def test_a_field_that_is_not_the_visitors_is_left_alone(browser: Browser, name: str) -> None:
    assert 'class="errorlist"' in browser.submit("/", "/remember/", name=name, value="1")
    assert browser.session()["fields"] == ["visits"]


def test_a_field_cannot_pose_as_a_fact(browser: Browser) -> None:
    page = browser.submit("/", "/remember/", name="handle", value="forged")
    assert page.count("forged") == 1  # where the fields are shown
    assert f"<code>{browser.session()['handle']}</code>" in page


@everywhere
def test_a_login_names_the_user(browser: Browser) -> None:
    browser.open("/")
    before = browser.session()
    assert (before["user"], before["references"]) == (None, {})
    assert "Hello, ada." in browser.log_in("ada")
    after = browser.session()
    assert after["user"] == "ada"
    assert after["references"].keys() == {"user"}
    assert f"user={after['references']['user']}" in browser.open("/")
    assert before["handle"] != after["handle"]
    assert json.loads(browser.open("/api/visits/"))["user"] == "ada"


def test_a_wrong_password_logs_nobody_in(browser: Browser) -> None:
    page = browser.submit("/login/", "/login/", username="ada", password="wrong")
    assert 'class="errorlist nonfield"' in page
    assert browser.session()["user"] is None


@everywhere
def test_the_cookie_of_a_session_that_was_logged_out_is_worth_nothing(browser: Browser) -> None:
    browser.log_in("grace")
    old = browser.key
    assert _session_of(browser.site, old)["user"] == "grace"
    assert "Hello, stranger." in browser.submit("/", "/logout/")
    nobody = {"user": None, "handle": None, "references": {}, "fields": []}
    assert _session_of(browser.site, old) == nobody


def test_keys_and_password_hashes_are_never_shown(browser: Browser) -> None:
    browser.open("/")
    assert "not shown" in browser.log_in("linus")
    browser.submit("/", "/remember/", name="drink", value="milk")
    browser.open("/api/visits/")
    browser.session()
    assert len(browser.keys) == 2  # the login brought another
    assert not [key for key in browser.keys for text in browser.texts if key in text]
    assert not re.search(r"\b[0-9a-f]{64}\b", "".join(browser.texts))  # Django's session hash


def test_a_second_demo_takes_the_place_of_the_first(tmp_path: Path) -> None:
    first, second = (_output(tmp_path, PLACES["db"](), "--no-serve") for _ in range(2))
    assert _users_in(first) == _users_in(second) == SIMULATED
    assert "6 sessions in django_multisession.backends.db" in second


@pytest.mark.parametrize("place", ["memory", "redis"])
def test_the_sessions_are_shown_and_a_busy_port_is_named(
    tmp_path: Path, site: str, place: str
) -> None:
    output = _output(tmp_path, PLACES[place](), site.removeprefix("http://"))
    assert _users_in(output) == SIMULATED
    assert output.endswith("Error: That port is already in use.\n")


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_a_redis_that_cannot_be_reached_is_named_in_one_line(tmp_path: Path, scheme: str) -> None:
    address = f"{HOST}:{free_port()}"
    (line,) = _output(tmp_path, _redis(f"{scheme}://{address}")).splitlines()
    assert line.startswith("CommandError: Sessions cannot be kept in ")
    assert "Start Redis, or say in MULTISESSION_REDIS_URL where it is" in line
    assert address in line


def _redis(url: str) -> dict[str, str]:
    return {"SESSION_BACKEND": "redis", "MULTISESSION_REDIS_URL": url}


@contextmanager
def _running(folder: Path, place: str) -> Iterator[str]:
    address = f"{HOST}:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = _start(folder, PLACES[place](), address, stdout=log, stderr=log)
    try:
        _wait_for(process, f"http://{address}", folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _start(
    folder: Path, place: dict[str, str], *arguments: str, **options: Any
) -> subprocess.Popen[bytes]:
    """The demo on a database of its own, in which a warning is an error."""
    environment = {**os.environ, **place, "SQLITE": str(folder / "demo.sqlite3")}
    command = [sys.executable, "-W", "error", str(MANAGE), "demo", *arguments]
    return subprocess.Popen(command, env=environment, **options)


def _output(folder: Path, place: dict[str, str], *arguments: str) -> str:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with _start(folder, place, *arguments, **pipes) as process:
        return process.communicate(timeout=DEADLINE)[0].decode()


def _users_in(output: str) -> list[str]:
    """The first column of the table, a user for each session."""
    return [row[1] for row in ROW.finditer(output)]


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


def _session_of(site: str, key: str | None) -> Any:
    """What somebody sees who has nothing but this cookie."""
    request = Request(f"{site}/api/session/", headers={"Cookie": f"sessionid={key}"})
    with build_opener(ProxyHandler({})).open(request, timeout=DEADLINE) as response:
        return json.load(response)
