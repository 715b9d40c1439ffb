"""Helpers for users of the device pages in Chromium."""

from __future__ import annotations

from itertools import count

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from django_multisession.auth.reauthentication import AUTHENTICATED_AT
from django_multisession.core.keys import hash_key
from support.admin_demos import Demo
from support.chromium import Chromium

LIST, OTHERS = "/devices/", "/devices/end-others/"
HEADINGS = ".multisession-device h2"
PASSWORD = "their own"
LONG_AGO = {AUTHENTICATED_AT: 1}  # data of a session whose user has to confirm the password
LAPTOP = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
# 500 characters; ua-parser makes 'My<b ...>App">...</script> on iOS' of them.
HOSTILE = (
    'My<b class=hacked>App</b>"><script>window.hacked=1</script>/1 CFNetwork/1 Darwin/22 '.ljust(
        500, "x"
    )
)

NUMBERS = count(1)


def newcomer(demo: Demo, password: str = PASSWORD) -> str:
    """Create a user without sessions and return the name."""
    name = f"person-{next(NUMBERS)}"
    demo.user(name, password=password)
    return name


def sign_in(browser: Chromium, name: str, password: str = PASSWORD) -> None:
    """Sign in with the form, to which the device pages redirect."""
    browser.open(LIST)
    browser.type("username", name)
    browser.type("password", password)
    browser.press("main .card button")


def settle(browser: Chromium, demo: Demo, name: str, user_agent: str, **options: object) -> str:
    """Sign in without the form. Return the handle."""
    key = demo.key(name, user_agent=user_agent, ip="127.0.0.1", **options)
    browser.begin(demo.site)
    browser.pretend(user_agent)
    browser.take_over(key)
    return hash_key(key)


def is_signed_in(browser: Chromium) -> bool:
    """Return whether the browser is still signed in, by opening the list."""
    browser.open(LIST)
    return "Your devices" in browser.all("h1")


def names(browser: Chromium) -> list[str]:
    """Return the names of the devices on this page, without the mark "This device"."""
    return browser.all(f"{HEADINGS} bdi")


def own_name(browser: Chromium) -> list[str]:
    return browser.all(f"{HEADINGS}:has(.multisession-mark) bdi")


def act(browser: Chromium, what: str, handle: str) -> None:
    """Open the page on which the device is renamed ("rename") or signed out ("end")."""
    browser.open(LIST)
    browser.press(f'[href="{page_of(handle, what)}"]')


def page_of(handle: str, what: str) -> str:
    return f"{LIST}{handle}/{what}/"


def confirm(browser: Chromium, password: str | None = None) -> None:
    """Submit the page's form, with this password if it asks for one."""
    if password is not None:
        browser.type("password", password)
    browser.press(".multisession-choice button")


# Keyboard only


def focus_on(browser: Chromium, name: str) -> list[str]:
    """Press Tab until this element has the focus. Return the texts of all elements on the way."""
    passed: list[str] = []
    while True:
        press_key(browser, Keys.TAB)
        focused = browser.run("return document.activeElement.innerText")
        passed.append(focused)
        if focused == name:
            return passed
        assert len(passed) < 50, passed


def press_key(browser: Chromium, key: str) -> None:
    ActionChains(browser.driver).send_keys(key).perform()


def press_enter(browser: Chromium) -> None:
    """Press Enter on an element that opens a page."""
    browser.leave(lambda: press_key(browser, Keys.ENTER), "what is focused")
