"""`manage.py demo` and the pages of the demo, over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from support.demo_sites import (
    DEADLINE,
    ELSEWHERE,
    EVERYWHERE,
    PLACES,
    Browser,
    assert_no_key_is_shown,
    dynamodb,
    output,
    redis,
    running,
)
from support.servers import HOST, free_port

pytestmark = pytest.mark.quick

SIMULATED = ["ada", "ada", "grace", "grace", "linus", "linus"]
ROW = re.compile(r"^(ada|grace|linus) .* (just now|ago) +in \d+ (?:h|days) +[\w-]{8}$", re.M)

everywhere = pytest.mark.parametrize("site", EVERYWHERE, indirect=True)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """A function that returns the URL of a demo with this engine. It starts at the first call."""
    with ExitStack() as demos:
        yield cache(
            lambda place: demos.enter_context(running(tmp_path_factory.mktemp("demo"), place))
        )


@pytest.fixture
def site(request: pytest.FixtureRequest, sites: Callable[[str], str]) -> str:
    """The URL of a running demo, on the database engine unless the test names others."""
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
    assert page.count("forged") == 1  # in the table of fields
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
    assert len(browser.keys) == 2  # the login has changed it
    assert_no_key_is_shown(browser)
    assert not re.search(r"\b[0-9a-f]{64}\b", "".join(browser.texts))  # Django's session hash


@pytest.mark.thorough
def test_the_demo_ends_with_how_the_administrator_gets_in(tmp_path: Path) -> None:
    with running(tmp_path, "db") as site:
        browser = Browser(site)
        assert 'href="/admin/' not in browser.log_in("ada")
        match = re.search(
            rf"^{site}(/admin/\S+)\nLog in as (\w+), password (\w+)\.$",
            (tmp_path / "log").read_text(),
            re.M,
        )
        assert match
        path, name, password = match.groups()
        browser.submit("/", "/logout/")
        assert f'href="{path}"' in browser.log_in(name, password)
        assert "End all sessions" in browser.open(path)


@pytest.mark.thorough
def test_a_second_demo_takes_the_place_of_the_first(tmp_path: Path) -> None:
    first, second = (output(tmp_path, PLACES["db"](), "--no-serve") for _ in range(2))
    assert _users_in(first) == _users_in(second) == SIMULATED
    assert "6 sessions in django_multisession.backends.db" in second
    assert "Chrome Mobile on Android" in second


@pytest.mark.thorough
def test_the_next_demo_brings_the_password_back(tmp_path: Path) -> None:
    with running(tmp_path, "db") as site:
        browser = Browser(site)
        browser.log_in("ada")
        new = {"old_password": "demo", "new_password1": "new", "new_password2": "new"}
        assert "Password changed." in browser.submit("/password/", "/password/", **new)
        assert _users_in(output(tmp_path, PLACES["db"](), "--no-serve")) == SIMULATED
        assert browser.session()["user"] is None
        assert "Hello, ada." in browser.log_in("ada")


@pytest.mark.parametrize("place", ["memory", *ELSEWHERE])
def test_the_sessions_are_shown_and_a_busy_port_is_named(
    tmp_path: Path, site: str, place: str
) -> None:
    lines = output(tmp_path, PLACES[place](), site.removeprefix("http://"))
    assert _users_in(lines) == SIMULATED
    assert lines.endswith("Error: That port is already in use.\n")


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_a_redis_that_cannot_be_reached_is_named_in_one_line(tmp_path: Path, scheme: str) -> None:
    address = f"{HOST}:{free_port()}"
    (line,) = output(tmp_path, redis(f"{scheme}://{address}")).splitlines()
    assert line.startswith("CommandError: Sessions cannot be stored with ")
    assert "Start its server, or set MULTISESSION_REDIS_URL to its URL" in line
    assert address in line


@pytest.mark.thorough
def test_a_dynamodb_that_cannot_be_reached_is_named_in_one_line(tmp_path: Path) -> None:
    url = f"http://{HOST}:{free_port()}"
    (line,) = output(tmp_path, dynamodb(url, "demo")).splitlines()
    assert line.startswith("CommandError: Sessions cannot be stored with ")
    assert "Start its server, or set DYNAMODB_URL to its URL" in line
    assert url in line


def _users_in(lines: str) -> list[str]:
    """Return the first column of the table, the user of each session."""
    return [row[1] for row in ROW.finditer(lines)]


def _session_of(site: str, key: str | None) -> Any:
    """Return what the API answers to a client that only has this cookie."""
    request = Request(f"{site}/api/session/", headers={"Cookie": f"sessionid={key}"})
    with build_opener(ProxyHandler({})).open(request, timeout=DEADLINE) as response:
        return json.load(response)
