"""The demo's devices API over real HTTP, with a browser's cookie and with a token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from support.admin_demos import Demo, demo_in, session_handle, user_of
from support.demo_sites import DEADLINE, Browser, assert_no_key_is_shown, tells_of_the_end
from support.user_agents import FIREFOX

API = "/api/devices/"

Answer = tuple[int, Any]


class Script:
    """A client with a token and without cookies. It keeps all responses and its latest token."""

    def __init__(self, site: str, token: str) -> None:
        self.site, self.tokens, self.answered = site, [token], list[str]()
        self._opener = build_opener(ProxyHandler({}))

    @property
    def token(self) -> str:
        return self.tokens[-1]

    def ask(self, method: str, path: str = "", **body: str) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body else None
        request = Request(self.site + API + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=DEADLINE) as response:
                return self._read(response)
        except HTTPError as error:
            with error:
                return self._read(error)

    def _read(self, response: Any) -> Answer:
        assert "Set-Cookie" not in response.headers
        self.tokens += response.headers.get_all("Session-Token", [])
        text = response.read().decode()
        self.answered.append(text)
        return response.status, json.loads(text) if text else None


@pytest.fixture(scope="module", params=["db", "redis", "cluster", "dynamodb"])
def demo(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_in(tmp_path_factory.mktemp("demo"), request.param) as demo:
        yield demo


@pytest.fixture
def script(demo: Demo) -> Iterator[Script]:
    """Return a script of ada. Afterwards: no response body contained a token."""
    script = Script(demo.site, demo.key("ada", label="backup"))
    yield script
    assert script.answered
    assert not [text for text in script.answered for token in script.tokens if token in text]


@pytest.fixture
def ada(demo: Demo) -> Iterator[Browser]:
    browser = Browser(demo.site, FIREFOX)
    browser.log_in("ada")
    yield browser
    assert_no_key_is_shown(browser)


def test_a_command_makes_a_token(demo: Demo, ada: Browser) -> None:
    options = ["--user", "ada", "--label", "nightly", "--verbosity", "0"]
    script = Script(demo.site, demo.manage("createsession", *options).strip())
    assert script.ask("GET")[1]["devices"][0]["name"] == "nightly"
    assert "nightly" in ada.open("/devices/")


def test_a_token_is_one_of_the_devices(script: Script, ada: Browser) -> None:
    status, answer = script.ask("GET")
    own, *others = answer["devices"]
    assert (status, own["name"], own["is_current"]) == (200, "backup", True)
    assert session_handle(ada) in {each["handle"] for each in others}
    assert "backup" in ada.open("/devices/")


def test_a_browser_ends_a_token(script: Script, ada: Browser) -> None:
    handle = script.ask("GET")[1]["devices"][0]["handle"]
    page = f"/devices/{handle}/end/"
    assert tells_of_the_end("backup") in ada.submit(page, page)
    status, answer = script.ask("GET")
    assert (status, answer["error"]) == (401, "invalid_token")


def test_a_token_renames_a_browser_and_ends_it(script: Script, ada: Browser) -> None:
    handle = session_handle(ada)
    status, renamed = script.ask("PATCH", f"{handle}/", label="<b>desk</b>")
    assert (status, renamed["name"], renamed["device"]) == (200, "<b>desk</b>", "Firefox on Linux")
    assert "&lt;b&gt;desk&lt;/b&gt;" in ada.open("/devices/")
    assert script.ask("DELETE", f"{handle}/") == (204, None)
    assert script.ask("DELETE", f"{handle}/")[0] == 404
    assert user_of(ada) is None


def test_a_token_ends_all_others(script: Script, ada: Browser) -> None:
    number = script.ask("GET")[1]["count"]
    assert script.ask("POST", "end-others/") == (200, {"ended": number - 1})
    assert script.ask("GET")[1]["count"] == 1
    assert user_of(ada) is None


def test_a_confirmed_token_is_another(script: Script) -> None:
    """Confirming sends a new token in a header, and the old one is dead."""
    old = Script(script.site, script.token)
    assert script.ask("POST", "confirm/", password="wrong")[0] == 403
    assert script.token == old.token
    assert script.ask("POST", "confirm/", password="demo") == (204, None)
    assert script.token != old.token
    assert [script.ask("GET")[0], old.ask("GET")[0]] == [200, 401]


def test_a_browser_asks_with_its_cookie(ada: Browser) -> None:
    own, *_ = json.loads(ada.open(API))["devices"]
    assert (own["handle"], own["is_current"]) == (session_handle(ada), True)
    with pytest.raises(HTTPError, match="403"):  # another site could make a browser send this
        ada.open(f"{API}end-others/", {})
    assert json.loads(ada.texts[-1])["error"] == "csrf"
