"""A real browser for the tests: Chromium without a window, as chromedriver drives it.

It is used as people use one, by what stands on buttons and links, and it waits for pages, however
slow the machine. It keeps every text and every session key it was ever sent.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from support.servers import missing

DEADLINE = 60  # seconds until a page is loaded
DESKTOP, PHONE, NARROW = (1280, 900), (390, 844), (320, 640)
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
BUTTON = (
    "//input[@type='submit' and @value={0}] | //button[normalize-space()={0}]"
    " | //a[normalize-space()={0}]"
)
# Elements wider than the page, and elements that scroll sideways, except the table.
TOO_WIDE = """
    const page = document.documentElement;
    const wide = [...document.body.querySelectorAll("*")].filter(element => {
        const box = element.getBoundingClientRect();
        const sticks = box.width > 1 && (box.right > page.clientWidth + 1 || box.left < -1);
        const scrolls = element.scrollWidth > element.clientWidth + 1
            && ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
        return (sticks || scrolls) && !element.closest(arguments[0]);
    }).map(element => `${element.tagName}.${element.className} ${element.id}`);
    return page.scrollWidth > page.clientWidth ? [`${page.scrollWidth} px`, ...wide] : wide;
"""
# The contrast ratios, by WCAG, of all texts in the elements of a selector.
CONTRASTS = """
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(x => x / 255)
        .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
        .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = element => {
        const color = getComputedStyle(element).backgroundColor;
        return (parts(color)[3] ?? 1) ? color : behind(element.parentElement);
    };
    return [...document.querySelectorAll(arguments[0])].map(element => {
        const style = getComputedStyle(element);
        const color = element instanceof SVGElement ? style.fill : style.color;
        const [dark, bright] = [light(color), light(behind(element))].sort((a, b) => a - b);
        return (bright + 0.05) / (dark + 0.05);
    });
"""


class Chromium:
    """One browser; each test begins as a new visitor, with `begin`."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver
        self.begin("")

    def begin(self, site: str) -> None:
        """Reset the browser: no cookies, English, light colours, a large window, scripts on."""
        self.site, self.texts, self.keys = site, [], set()
        self.driver.get("about:blank")
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.speak("en")
        self.pretend("")
        self.run_scripts(True)
        self.look()
        self.errors()

    def look(self, size: tuple[int, int] = DESKTOP, colours: str = "light") -> None:
        """Show the same page on another screen."""
        width, height = size
        screen = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": size != DESKTOP,
        }
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        scheme = [{"name": "prefers-color-scheme", "value": colours}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})

    def speak(self, language: str) -> None:
        headers = {"headers": {"Accept-Language": language}}
        self.driver.execute_cdp_cmd("Network.setExtraHTTPHeaders", headers)

    def pretend(self, user_agent: str) -> None:
        """Send this user agent, or none if ""."""
        self.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": user_agent})

    def run_scripts(self, value: bool) -> None:
        """Allow or forbid scripts of pages; scripts of a test always run."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not value})

    # Pages

    def open(self, path: str) -> None:
        self.driver.get(self.site + path)
        self._keep()

    def press(self, name: str) -> None:
        """Press the button or link with this name or CSS selector, which must open a page."""
        is_selector = name.startswith(("#", ".", "[", "main "))
        found = self.find(name) if is_selector else self.find(BUTTON.format(f'"{name}"'), By.XPATH)
        self.leave(found.click, name)

    def leave(self, act: Callable[[], None], name: str) -> None:
        """Call ``act``, which must open another page, and wait for that page."""
        self.driver.execute_script("window.leaving = true")
        act()
        self._wait().until(_arrived, f"{name!r} opens no page")
        self._keep()

    def type(self, name: str, text: str) -> None:
        """Type into the field of a form."""
        field = self.find(f'main [name="{name}"]')
        field.clear()
        field.send_keys(text)

    def take_over(self, key: str) -> None:
        """Take over the session of this key."""
        cookie = {"name": "sessionid", "value": key, "url": self.site, "httpOnly": True}
        self.driver.execute_cdp_cmd("Network.setCookie", cookie)
        self.keys.add(key)

    def log_in(self, name: str, password: str = "demo") -> None:
        self.open("/admin/login/?next=/admin/")
        self.type("username", name)
        self.type("password", password)
        self.press(".submit-row [type=submit]")

    # Contents of a page

    def find(self, what: str, by: str = By.CSS_SELECTOR) -> WebElement:
        return self._wait().until(lambda driver: driver.find_element(by, what), what)

    def all(self, selector: str) -> list[str]:
        """Return the visible texts of the elements of a selector."""
        script = "return [...document.querySelectorAll(arguments[0])].map(each => each.innerText)"
        return list(self.run(script, selector))

    @property
    def text(self) -> str:
        return str(self.run("return document.body.innerText"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def errors(self) -> list[str]:
        """Return the console messages since the last call, without those about the favicon."""
        told = [entry["message"] for entry in self.driver.get_log("browser")]
        return [message for message in told if "/favicon.ico" not in message]

    # Parts

    def _keep(self) -> None:
        self.texts.append(self.driver.page_source)
        cookies = self.driver.get_cookies()
        self.keys |= {each["value"] for each in cookies if each["name"] == "sessionid"}

    def _wait(self) -> WebDriverWait[Chrome]:
        # While one page replaces another, any command may fail.
        return WebDriverWait(self.driver, DEADLINE, 0.02, [WebDriverException])


@contextmanager
def running() -> Iterator[Chromium]:
    """Start Chromium. Without it, skip the test or fail it."""
    chromium, chromedriver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not (chromium and chromedriver):
        missing("chromium and chromedriver")
    options = ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for option in OPTIONS:
        options.add_argument(option)
    with Chrome(options, Service(chromedriver)) as driver:
        driver.set_page_load_timeout(DEADLINE)
        yield Chromium(driver)


def _arrived(driver: Chrome) -> bool:
    script = "return document.readyState === 'complete' && !window.leaving"
    return bool(driver.execute_script(script))
