"""The device pages in Chromium, used by two browsers of one user, on every engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from django_multisession.core.keys import hash_key
from support import admin_demos
from support import chromium as chromiums
from support.admin_demos import MARKUP, Demo
from support.chromium import Chromium
from support.demo_sites import tells_of_the_end
from support.device_demos import (
    HOSTILE,
    LAPTOP,
    LIST,
    LONG_AGO,
    PASSWORD,
    act,
    confirm,
    focus_on,
    is_signed_in,
    names,
    newcomer,
    own_name,
    page_of,
    press_enter,
    settle,
    sign_in,
)
from support.user_agents import IPHONE

Pair = tuple[Chromium, Chromium]
ENGINES = ["db", "redis", "dynamodb"]
ON_LAPTOP, ON_PHONE = "Chrome on Linux", "Mobile Safari on iOS"

everywhere = pytest.mark.parametrize("demo", ENGINES, indirect=True)
in_database = pytest.mark.parametrize("demo", ["db"], indirect=True)


@pytest.fixture(scope="module")
def drivers() -> Iterator[Pair]:
    with chromiums.running() as first, chromiums.running() as second:
        yield first, second


@pytest.fixture
def name(demo: Demo) -> str:
    return newcomer(demo)


@pytest.fixture
def browsers(drivers: Pair, demo: Demo, name: str) -> Iterator[Pair]:
    """Return a laptop and a phone. Afterwards: no console error, and no page showed a key."""
    for browser, user_agent in zip(drivers, (LAPTOP, IPHONE), strict=True):
        browser.begin(demo.site)
        browser.pretend(user_agent)
    yield drivers
    assert [browser.errors() for browser in drivers] == [[], []]
    keys = demo.keys.union(*(browser.keys for browser in drivers))
    texts = [text for browser in drivers for text in browser.texts]
    assert keys
    assert not [key for key in keys for text in texts if key in text]


@pytest.fixture
def pair(browsers: Pair, name: str) -> Pair:
    """Sign in on both, the phone first."""
    for browser in browsers[::-1]:
        sign_in(browser, name)
    return browsers


@pytest.fixture
def stale(browsers: Pair, demo: Demo, name: str) -> Pair:
    """Sign in on both, on the laptop long ago."""
    laptop, phone = browsers
    sign_in(phone, name)
    settle(laptop, demo, name, LAPTOP, data=LONG_AGO)
    return browsers


def handle(browser: Chromium) -> str:
    return hash_key(str(browser.driver.get_cookie("sessionid")["value"]))


@everywhere
def test_each_browser_is_shown_itself_first(pair: Pair) -> None:
    laptop, phone = pair
    for browser, shown in ((laptop, [ON_LAPTOP, ON_PHONE]), (phone, [ON_PHONE, ON_LAPTOP])):
        browser.open(LIST)
        assert names(browser) == shown
        assert own_name(browser) == shown[:1]
        assert browser.text.count("127.0.0.1") == 2


@everywhere
def test_a_device_is_renamed_and_called_by_what_it_is_again(pair: Pair) -> None:
    laptop, phone = pair
    act(laptop, "rename", handle(phone))
    laptop.type("label", "  In the kitchen ")
    laptop.press("Save")
    assert "The name is saved." in laptop.text
    for browser in pair:
        browser.open(LIST)
        assert {*names(browser)} == {ON_LAPTOP, "In the kitchen"}
        assert ON_PHONE in browser.text
    act(phone, "rename", handle(phone))
    phone.type("label", "")
    phone.press("Save")
    assert names(phone) == [ON_PHONE, ON_LAPTOP]


@everywhere
def test_who_is_ended_is_out_at_the_next_click(pair: Pair) -> None:
    laptop, phone = pair
    phone.open(LIST)
    act(laptop, "end", handle(phone))
    assert names(laptop) == [ON_PHONE]
    laptop.press("Cancel")
    assert is_signed_in(phone)
    act(laptop, "end", handle(phone))
    confirm(laptop)
    assert tells_of_the_end(ON_PHONE) in laptop.text
    assert names(laptop) == [ON_LAPTOP]
    phone.press("Rename")
    assert phone.driver.title.startswith("Log in")
    assert is_signed_in(laptop)


@everywhere
def test_ones_own_is_a_logout(pair: Pair) -> None:
    laptop, phone = pair
    old = handle(phone)
    act(phone, "end", old)
    assert "This is the device you are using now." in phone.text
    confirm(phone)
    assert "Hello, stranger." in phone.text
    assert not is_signed_in(phone)
    laptop.open(LIST)
    assert names(laptop) == [ON_LAPTOP]


@everywhere
def test_all_others_are_ended_at_once(pair: Pair, demo: Demo, name: str) -> None:
    laptop, phone = pair
    for _ in range(2):
        demo.session(name)
    laptop.open(LIST)
    laptop.press("Sign out all other devices")
    assert {*laptop.all(".multisession-names li")} == {ON_PHONE, "Unknown device"}
    confirm(laptop)
    assert "3 other devices are signed out." in laptop.text
    assert names(laptop) == [ON_LAPTOP]
    assert "Sign out all" not in laptop.text
    assert not is_signed_in(phone)


@everywhere
def test_a_new_password_puts_the_other_out(pair: Pair) -> None:
    laptop, phone = pair
    laptop.open("/password/")
    for field, text in (
        ("old_password", PASSWORD),
        ("new_password1", "another one"),
        ("new_password2", "another one"),
    ):
        laptop.type(field, text)
    laptop.press("Change the password")
    assert "Password changed." in laptop.text
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)
    assert names(laptop) == [ON_LAPTOP]


@everywhere
def test_who_signed_in_long_ago_is_asked_for_the_password(stale: Pair) -> None:
    """The password is asked for once, and the session gets a new key."""
    laptop, phone = stale
    act(laptop, "end", handle(phone))
    before = handle(laptop)
    confirm(laptop, "a guess")
    assert "That password is not correct. Try again." in laptop.text
    assert handle(laptop) == before
    assert is_signed_in(phone)
    confirm(laptop, PASSWORD)
    assert tells_of_the_end(ON_PHONE) in laptop.text
    assert not is_signed_in(phone)
    assert handle(laptop) != before
    laptop.press("Rename")
    assert not laptop.all("main [name=password]")


@everywhere
def test_all_others_are_not_ended_without_the_password(stale: Pair) -> None:
    laptop, phone = stale
    laptop.open(LIST)
    laptop.press("Sign out all other devices")
    confirm(laptop)
    assert "This field is required." in laptop.text
    assert is_signed_in(phone)
    confirm(laptop, PASSWORD)
    assert "1 other device is signed out." in laptop.text
    assert not is_signed_in(phone)


@in_database
def test_who_has_no_password_signs_in_again(browsers: Pair, demo: Demo) -> None:
    laptop, _ = browsers
    name = newcomer(demo, password="")
    other = demo.session(name)
    settle(laptop, demo, name, LAPTOP, data=LONG_AGO)
    act(laptop, "end", other)
    assert not laptop.all("main button")
    link = laptop.find(".multisession-note .multisession-button")
    assert link.text == "Sign in again"
    assert str(link.get_attribute("href")).endswith(f"/login/?next={page_of(other, 'end')}")


@everywhere
def test_no_script_is_needed(browsers: Pair, name: str, demo: Demo) -> None:
    laptop, phone = browsers
    for browser in browsers:
        browser.run_scripts(False)
    sign_in(phone, name)
    settle(laptop, demo, name, LAPTOP, data=LONG_AGO)
    laptop.run_scripts(False)
    act(laptop, "rename", handle(phone))
    laptop.type("label", "In the kitchen")
    laptop.press("Save")
    assert names(laptop) == [ON_LAPTOP, "In the kitchen"]
    laptop.press("Sign out all other devices")
    confirm(laptop, PASSWORD)
    assert not is_signed_in(phone)
    act(laptop, "end", handle(laptop))
    confirm(laptop)
    assert not is_signed_in(laptop)


@in_database
def test_the_keyboard_is_enough(pair: Pair) -> None:
    """Tab goes from button to button in reading order, and each shows its focus."""
    laptop, phone = pair
    laptop.open(LIST)
    passed = focus_on(laptop, "Sign out all other devices")
    assert passed[-5:] == [*["Rename", "Sign out"] * 2, "Sign out all other devices"]
    laptop.open(LIST)
    for _ in range(2):
        focus_on(laptop, "Sign out")
        assert laptop.run("return getComputedStyle(document.activeElement).outlineWidth") == "2px"
    press_enter(laptop)
    assert "Sign out this device?" in laptop.text
    focus_on(laptop, "Sign out")
    press_enter(laptop)
    assert tells_of_the_end(ON_PHONE) in laptop.text
    assert not is_signed_in(phone)


@everywhere
def test_nothing_that_is_shown_is_markup(browsers: Pair, name: str, demo: Demo) -> None:
    """Neither user agents nor names become markup."""
    laptop, phone = browsers
    phone.pretend(HOSTILE)
    for browser in (phone, laptop):
        sign_in(browser, name)
    own, other = handle(laptop), handle(phone)
    act(laptop, "rename", own)
    laptop.type("label", MARKUP)
    laptop.press("Save")
    for path in (LIST, page_of(other, "rename"), page_of(other, "end"), "/", f"{LIST}end-others/"):
        laptop.open(path)
        assert admin_demos.is_unharmed(laptop), path
        assert "App</b>" in laptop.text, path
    laptop.open(LIST)
    assert own_name(laptop) == [MARKUP]
    act(laptop, "end", other)
    confirm(laptop)
    assert "</script>" in laptop.all(".message")[0]
    assert admin_demos.is_unharmed(laptop)
