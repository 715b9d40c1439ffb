"""Users of the demo view and end their sessions, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from urllib.error import HTTPError

import pytest

from support.demo_sites import (
    EVERYWHERE,
    Browser,
    assert_no_key_is_shown,
    running,
    tells_of_the_end,
)
from support.user_agents import FIREFOX

LogIn = Callable[..., Browser]
OTHERS = "/devices/end-others/"
# ua-parser turns it into 'My<b>App</b>"><script>alert(1)</script> on iOS'.
HOSTILE = 'My<b>App</b>"><script>alert(1)</script>/1 CFNetwork/1 Darwin/22'


@pytest.fixture(scope="module", params=EVERYWHERE)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running demo."""
    with running(tmp_path_factory.mktemp("demo"), request.param) as site:
        yield site


@pytest.fixture
def log_in(site: str) -> Iterator[LogIn]:
    """A function that returns a browser of a logged-in user. No response may contain a key."""
    browsers: list[Browser] = []

    def log_in(name: str, user_agent: str = "") -> Browser:
        browsers.append(Browser(site, user_agent))
        browsers[-1].log_in(name)
        return browsers[-1]

    yield log_in
    assert_no_key_is_shown(*browsers)


def test_one_browser_ends_another(log_in: LogIn) -> None:
    first, second, third, grace = *(log_in("ada") for _ in range(3)), log_in("grace")
    page = first.submit("/", end_of(second))
    assert tells_of_the_end("Unknown device") in page
    assert second.session() == {"user": None, "handle": None, "references": {}, "fields": []}
    assert [user_of(browser) for browser in (first, third, grace)] == ["ada", "ada", "grace"]


def test_a_browser_may_end_itself(log_in: LogIn) -> None:
    browser = log_in("ada")
    assert "Hello, stranger." in browser.submit("/", end_of(browser))
    assert user_of(browser) is None


def test_one_browser_logs_out_all_others(log_in: LogIn) -> None:
    first, grace = log_in("ada"), log_in("grace")
    first.submit("/", OTHERS)  # ends sessions of other tests and simulated ones
    second, third = log_in("ada"), log_in("ada")
    page = first.submit("/", OTHERS)
    assert "2 other devices are signed out." in page
    assert OTHERS not in page  # no other device is left
    assert "2 other devices are signed out." not in first.open("/")
    assert "Hello, stranger." in second.open("/")
    assert [user_of(browser) for browser in (first, second, third, grace)] == [
        "ada",
        None,
        None,
        "grace",
    ]


def test_a_browser_that_was_logged_out_can_end_nothing(log_in: LogIn) -> None:
    first, second = log_in("ada"), log_in("ada")
    second.open("/")  # shows the buttons
    first.submit("/", OTHERS)
    for path in (OTHERS, end_of(first)):
        assert "<title>Log in" in second.submit("/", path)
    assert user_of(first) == "ada"


@pytest.mark.parametrize(
    "handle",
    [None, "A" * 43, "nonsense", "A" * 42 + "%00"],
    ids=["another's", "unknown", "nonsense", "nul"],
)
def test_nothing_but_ones_own_can_be_ended(log_in: LogIn, handle: str | None) -> None:
    """Another user's session (None) is answered like one that does not exist."""
    ada, grace = log_in("ada"), log_in("grace")
    path = f"/devices/{handle}/end/" if handle else end_of(grace)
    with pytest.raises(HTTPError, match="404"):
        ada.submit("/", path)
    assert [user_of(ada), user_of(grace)] == ["ada", "grace"]


def test_a_link_only_asks(log_in: LogIn) -> None:
    first, second = log_in("ada"), log_in("ada")
    for path in (OTHERS, end_of(second)):
        assert "<h1>Sign out" in first.open(path)
    assert user_of(second) == "ada"


@pytest.mark.parametrize("data", [{}, {"csrfmiddlewaretoken": "A" * 64}])
def test_no_other_site_ends_anything(log_in: LogIn, data: dict[str, str]) -> None:
    first, second = log_in("ada"), log_in("ada")
    first.open("/")
    for path in (OTHERS, end_of(second)):
        with pytest.raises(HTTPError, match="403"):
            first.open(path, data)
    assert user_of(second) == "ada"


def test_a_new_password_ends_the_others_at_once(log_in: LogIn) -> None:
    first, second, ada = log_in("linus"), log_in("linus"), log_in("ada")
    before = first.key
    assert "Password changed." in change_password(first, "demo", "new")
    (own,) = sessions_of(first)  # before any other request
    assert own["is_current"]
    assert [user_of(browser) for browser in (first, second, ada)] == ["linus", None, "ada"]
    assert first.key != before
    assert 'class="errorlist nonfield"' in second.log_in("linus")
    assert "Hello, linus." in second.log_in("linus", "new")
    change_password(second, "new", "demo")
    assert user_of(first) is None


def test_a_wrong_old_password_ends_nothing(log_in: LogIn) -> None:
    first, second = log_in("ada"), log_in("ada")
    assert 'class="errorlist"' in change_password(first, "wrong", "new")
    assert [user_of(first), user_of(second)] == ["ada", "ada"]


def test_the_page_shows_where_one_is_logged_in(log_in: LogIn) -> None:
    """The current session comes first, the others follow by their last activity."""
    grace = log_in("grace", FIREFOX)
    grace.submit("/", OTHERS)
    log_in("grace", HOSTILE)
    log_in("grace")
    page = grace.open("/")
    shown = ["Firefox on Linux", "This device", "Unknown device", "Manage your devices"]
    positions = [page.index(text) for text in shown]
    assert positions == sorted(positions)
    assert page.count("This device<") == 1
    assert page.count("127.0.0.1") == 3
    assert 'href="/devices/"' in page
    assert 'href="/password/"' in page


def test_a_user_agent_is_no_markup(log_in: LogIn) -> None:
    """It is escaped in lists, and in the message after the session has ended."""
    grace, other = log_in("grace"), log_in("grace", HOSTILE)
    path = end_of(other)
    for page in (grace.open("/"), grace.open("/devices/"), grace.submit(path, path)):
        assert "My&lt;b&gt;App&lt;/b&gt;&quot;&gt;&lt;script&gt;" in page
        assert "<script" not in page
        assert "App<" not in page


def test_scripts_are_told_the_same(log_in: LogIn) -> None:
    first = log_in("ada", FIREFOX)
    first.submit("/", OTHERS)
    second = log_in("ada", HOSTILE)
    own, other = sessions_of(first)
    assert [own["handle"], other["handle"]] == [
        browser.session()["handle"] for browser in (first, second)
    ]
    assert [own["is_current"], other["is_current"]] == [True, False]
    assert [own["device"], own["ip"]] == ["Firefox on Linux", "127.0.0.1"]
    created, last_seen, expires = (
        datetime.fromisoformat(own[f"{name}_at"].replace("Z", "+00:00"))
        for name in ("created", "last_seen", "expires")
    )
    assert created <= last_seen < expires


def test_strangers_are_told_nothing(site: str) -> None:
    browser = Browser(site)
    assert "/devices/" not in browser.open("/")
    assert "<title>Log in" in browser.open("/devices/")
    with pytest.raises(HTTPError, match="401"):
        browser.open("/api/devices/")


def user_of(browser: Browser) -> Any:
    """Return the user name of the browser's next request."""
    return browser.session()["user"]


def sessions_of(browser: Browser) -> Any:
    return json.loads(browser.open("/api/devices/"))["devices"]


def end_of(browser: Browser) -> str:
    """Return the path that ends the session of a browser."""
    return f"/devices/{browser.session()['handle']}/end/"


def change_password(browser: Browser, old: str, new: str) -> str:
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return browser.submit("/password/", "/password/", **fields)
