"""People at the pages of their devices, in Chromium: who they are, and what they see there."""

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
LONG_AGO = {AUTHENTICATED_AT: 1}  # what a session holds whose user is asked for the password
LAPTOP = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
# 500 characters, of which ua-parser makes 'My<b ...>App">...</script> on iOS'.
HOSTILE = (
    'My<b class=hacked>App</b>"><script>window.hacked=1</script>/1 CFNetwork/1 Darwin/22 '.ljust(
        500, "x"
    )
)

NUMBERS = count(1)


def newcomer(demo: Demo, password: str = PASSWORD) -> str:
    """The name of somebody who is signed in nowhere."""
    name = f"person-{next(NUMBERS)}"
    demo.user(name, password=password)
    return name


def sign_in(browser: Chromium, name: str, password: str = PASSWORD) -> None:
    """As people do, by the form; to which whoever is not signed in is sent."""
    browser.open(LIST)
    browser.type("username", name)
    browser.type("password", password)
    browser.press("main .card button")


def settle(browser: Chromium, demo: Demo, name: str, user_agent: str, **options: object) -> str:
    """Signed in without the form. The handle."""
    key = demo.key(name, user_agent=user_agent, ip="127.0.0.1", **options)
    browser.begin(demo.site)
    browser.pretend(user_agent)
    browser.take_over(key)
    return hash_key(key)


def is_signed_in(browser: Chromium) -> bool:
    """At the next click."""
    browser.open(LIST)
    return "Your devices" in browser.all("h1")


def names(browser: Chromium) -> list[str]:
    """What the devices are called on this page, without the mark."""
    return browser.all(f"{HEADINGS} bdi")


def own_name(browser: Chromium) -> list[str]:
    return browser.all(f"{HEADINGS}:has(.multisession-mark) bdi")


def act(browser: Chromium, what: str, handle: str) -> None:
    """ "rename" or "end" a device, up to the page that asks."""
    browser.open(LIST)
    browser.press(f'[href="{page_of(handle, what)}"]')


def page_of(handle: str, what: str) -> str:
    return f"{LIST}{handle}/{what}/"


def confirm(browser: Chromium, password: str | None = None) -> None:
    """What a page asks, by its only button."""
    if password is not None:
        browser.type("password", password)
    browser.press(".multisession-choice button")


# Without a mouse


def focus_on(browser: Chromium, name: str) -> list[str]:
    """Tab until it is reached, and no further than through the page. What was passed on the way."""
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
    """Where that opens a page."""
    browser.leave(lambda: press_key(browser, Keys.ENTER), "what is focused")
