"""An administrator uses the session browser in Chromium, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support import admin_demos
from support.admin_demos import LIST, MARKUP, Demo, choose, handles, own, search, user_of
from support.chromium import Chromium
from support.demo_sites import Browser
from support.user_agents import FIREFOX

Visit = Callable[..., Browser]

ENGINES = ["db", "redis", "dynamodb"]
CROWD = {"dynamodb": 1001}  # more than are sorted in memory; moto takes 10 ms for each
# ua-parser turns it into 'My<b ...>App">...</script> on iOS'.
HOSTILE = 'My<b class=hacked>App</b>"><script>window.hacked=1</script>/1 CFNetwork/1 Darwin/22'

everywhere = pytest.mark.parametrize("demo", ENGINES, indirect=True)


@pytest.fixture
def visit(demo: Demo) -> Visit:
    """A function that logs a user in with another browser."""

    def visit(name: str, user_agent: str = FIREFOX) -> Browser:
        browser = Browser(demo.site, user_agent)
        browser.log_in(name)
        demo.keys |= browser.keys
        return browser

    return visit


@pytest.fixture
def admin(chromium: Chromium, demo: Demo, visit: Visit) -> Iterator[Chromium]:
    """Chromium, logged in as the administrator.

    No page may log an error to the console, and no response may contain a session key.
    """
    chromium.begin(demo.site)
    key = visit("admin").key  # faster than the form, which another test uses
    assert key
    chromium.take_over(key)
    yield chromium
    assert chromium.errors() == []
    assert chromium.keys
    assert not [key for key in chromium.keys | demo.keys for text in chromium.texts if key in text]


# Looking


@everywhere
def test_what_is_searched_for_is_found(admin: Chromium, demo: Demo) -> None:
    key = demo.user("kim", "kim@example.org")
    demo.user("kit", "kit@example.org")
    handle = demo.session("kim", ip="198.18.7.9", user_agent=FIREFOX)
    demo.session("kit", ip="198.18.8.9")
    admin.open(LIST)
    for text in (
        *("kim", "kim@example.org", key, f"user:{key}", handle),
        *("198.18.7.9", "198.18.7.0/24", " 198.18.0.0/21 "),
    ):
        search(admin, text)
        assert handles(admin) == [handle], text
    search(admin, "example.org")
    assert len(handles(admin)) == 2
    search(admin, "nobody is called so")
    assert "No sessions match." in admin.text
    admin.press("Show all sessions")
    assert handle in handles(admin)


@everywhere
def test_filters_choose(admin: Chromium, demo: Demo) -> None:
    demo.user("lee")
    brief, long = demo.session(expires_in=600), demo.session()
    own_one, lees = own(admin), demo.session("lee", expires_in=7200)
    shown = []
    for name in ("Anonymous", "Within an hour", "Within a day", "Signed in"):
        admin.press(name)
        shown.append({*handles(admin)} & {brief, long, own_one, lees})
    assert shown == [{brief, long}, {brief}, {brief}, {lees}]
    admin.press("My own")
    assert "No sessions match." in admin.text  # the session does not expire within a day
    admin.open(LIST)
    admin.press("My own")
    assert own_one in handles(admin)
    assert {*admin.all(".field-owner")} == {"admin"}


@everywhere
def test_what_is_secret_is_shown_when_asked_for(admin: Chromium, demo: Demo) -> None:
    data = {"drink": "green tea", "api_token": "T-123", "shop": {"password": ["P-456"]}}
    admin.open(f"{LIST}{demo.session(data=data)}/change/")
    assert "green tea" in admin.text
    assert [admin.text.count(text) for text in ("T-123", "P-456")] == [0, 0]
    assert not {text for text in admin.texts if "T-123" in text or "P-456" in text}
    assert len(admin.all(".session-hidden")) == 2
    admin.press("Show hidden values")
    assert [admin.text.count(text) for text in ("T-123", "P-456")] == [1, 1]
    admin.open(admin.driver.current_url.removeprefix(demo.site).replace("change", "history"))
    assert "Viewed hidden values." in admin.text


@everywhere
def test_nothing_that_is_shown_is_markup(admin: Chromium, demo: Demo) -> None:
    demo.user(MARKUP)
    data = {MARKUP: MARKUP, "deep": [{MARKUP: MARKUP}], "token": MARKUP}
    handle = demo.session(MARKUP, user_agent=HOSTILE, label=MARKUP[:100], data=data)
    admin.open(LIST)
    for step in (
        lambda: search(admin, handle),
        lambda: admin.open(f"{LIST}{handle}/change/"),
        lambda: admin.press("Show hidden values"),
        lambda: admin.press("End this session"),
    ):
        step()
        assert admin_demos.is_unharmed(admin)
        assert MARKUP in admin.text
        assert "App</b>" in admin.text
    admin.type("reason", MARKUP)
    admin.press("End sessions")
    assert "1 session ended." in admin.text
    for path in (LIST, "/admin/", f"{LIST}?q={MARKUP.replace('#', '')}"):
        admin.open(path)
        assert admin_demos.is_unharmed(admin)


@pytest.fixture
def crowd(demo: Demo) -> Iterator[int]:
    """Create many sessions, end them after the test, and return how many there are."""
    yield len(demo.crowd(CROWD.get(demo.place, 10_000)))
    demo.clear()


@everywhere
def test_many_are_paged_through(admin: Chromium, demo: Demo, crowd: int) -> None:
    needle = demo.session(expires_in=600)
    admin.open(LIST)
    assert "The charts show a sample of " in admin.text
    pages = [handles(admin)]
    for _ in range(2):
        admin.press("Next page")
        pages.append(handles(admin))
    assert len({handle for page in pages for handle in page}) == 3 * len(pages[0])
    assert [len(page) for page in pages] == 3 * [len(pages[0])]
    admin.press("First page")
    assert len(handles(admin)) == len(pages[0])
    admin.press("Within an hour")
    found, searched = admin_demos.search_all_pages(admin)
    assert needle in found
    assert len(found) == len({*found}) < 100
    assert searched > crowd


# Ending


@everywhere
def test_those_that_are_selected_end(admin: Chromium, demo: Demo, visit: Visit) -> None:
    ada, grace = visit("ada"), visit("grace")
    handle, other = admin_demos.session_handle(ada), admin_demos.session_handle(grace)
    choose(admin, "End selected sessions", handle)
    assert "ada, Firefox on Linux, 127.0.0.1" in admin.text
    admin.press("No, take me back")
    assert {handle, other} <= {*handles(admin)}
    choose(admin, "End selected sessions", handle)
    admin.type("reason", "a lost laptop")
    admin.press("End sessions")
    assert "1 session ended." in admin.text
    assert {handle, other} & {*handles(admin)} == {other}
    assert [user_of(ada), user_of(grace)] == [None, "grace"]


@everywhere
def test_a_user_is_logged_out_everywhere(admin: Chromium, visit: Visit) -> None:
    first, second, grace = visit("ada"), visit("ada"), visit("grace")
    admin.open(LIST)
    search(admin, "ada")
    number = len(handles(admin))
    assert number >= 2
    choose(admin, "Log out everywhere", admin_demos.session_handle(first))
    assert admin.all("#content-main li") == ["ada"]
    admin.press("Log out everywhere")
    assert f"{number} sessions ended." in admin.text
    assert [user_of(browser) for browser in (first, second, grace)] == [None, None, "grace"]


@everywhere
def test_ones_own_is_asked_for_twice(admin: Chromium, visit: Visit) -> None:
    ada, handle = visit("ada"), own(admin)
    choose(admin, "End selected sessions", handle, admin_demos.session_handle(ada))
    assert admin.run("return document.querySelector('[name=own]').matches(':invalid')")
    admin.run("document.querySelector('#content-main form').noValidate = true")
    admin.press("End sessions")
    assert "This field is required." in admin.text
    assert user_of(ada) == "ada"
    admin.find("[name=own]").click()
    admin.press("End sessions")
    assert "Log in" in admin.driver.title
    assert user_of(ada) is None
    admin.log_in("admin")
    admin.open(LIST)
    search(admin, handle)
    assert handles(admin) == []


@everywhere
def test_all_end_at_once(admin: Chromium, visit: Visit) -> None:
    ada, grace = visit("ada"), visit("grace")
    admin.open(LIST)
    admin.press("End all sessions…")
    admin.type("phrase", "end some sessions")
    admin.press("End all sessions")
    assert "That doesn't match. Type the phrase exactly as shown." in admin.text
    assert user_of(ada) == "ada"
    admin.type("phrase", " End  all sessions ")
    admin.press("End all sessions")
    assert "Log in" in admin.driver.title
    assert [user_of(ada), user_of(grace)] == [None, None]
