"""`manage.py demo`, and its pages over real HTTP, as somebody who tries the package meets them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

import pytest

from servers import HOST, free_port

DEADLINE = 20  # seconds for the demo to come up, or to end
MANAGE = Path(__file__).resolve().parent.parent / "testproject" / "manage.py"
SIMULATED = ["ada", "ada", "grace", "grace", "linus", "linus"]
ROW = re.compile(r"^(ada|grace|linus) .* (just now|ago) +in \d+ (?:h|days) +[\w-]{8}$", re.M)


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
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running demo."""
    folder = tmp_path_factory.mktemp("demo")
    address = f"{HOST}:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = _start(folder, address, stdout=log, stderr=log)
    try:
        _wait_for(process, f"http://{address}", folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture
def browser(site: str) -> Browser:
    return Browser(site)


def test_a_second_request_sees_what_the_first_one_left(browser: Browser) -> None:
    assert "<strong>1 time</strong>" in browser.open("/")
    assert "<strong>2 times</strong>" in browser.open("/")
    assert json.loads(browser.open("/api/visits/")) == {"visits": 3, "user": None}
    assert "<strong>4 times</strong>" in browser.open("/")


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
    first, second = (_output(tmp_path, "--no-serve") for _ in range(2))
    assert _users_in(first) == _users_in(second) == SIMULATED
    assert "6 sessions in django_multisession.backends.db" in second


def test_sessions_in_memory_are_shown_and_a_busy_port_is_named(tmp_path: Path, site: str) -> None:
    output = _output(tmp_path, site.removeprefix("http://"), SESSION_BACKEND="memory")
    assert _users_in(output) == SIMULATED
    assert output.endswith("Error: That port is already in use.\n")


def _start(folder: Path, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """The demo on a database of its own, in which a warning is an error."""
    backend = options.pop("SESSION_BACKEND", "db")
    place = {"SQLITE": str(folder / "demo.sqlite3"), "SESSION_BACKEND": backend}
    command = [sys.executable, "-W", "error", str(MANAGE), "demo", *arguments]
    return subprocess.Popen(command, env={**os.environ, **place}, **options)


def _output(folder: Path, *arguments: str, **options: Any) -> str:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with _start(folder, *arguments, **options, **pipes) as process:
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
