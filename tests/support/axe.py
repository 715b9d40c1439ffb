"""axe-core, which knows much of what keeps people from using a page.

Its axe.min.js is named by MULTISESSION_AXE or is in the checkout's node_modules:
npm install axe-core@4
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from support.chromium import Chromium
from support.servers import missing

INSTALLED = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
# WCAG 2.2 up to level AA, and best practices.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """
    const [where, tags, done] = arguments;
    axe.run(where, {runOnly: tags, resultTypes: ["violations"]})
        .then(found => done(found.violations), error => done(String(error)));
"""
# End all transitions, during which colours are not final.
FINISH = "document.getAnimations().forEach(each => each.finish())"
PRESENT = "return arguments[0].filter(each => document.querySelector(each)).map(each => [each])"


def violations(browser: Chromium, *parts: str) -> list[str]:
    """Return the violations on the page, or only in the elements of these selectors."""
    browser.run(source())
    browser.run(FINISH)
    where = {"include": browser.run(PRESENT, parts)} if parts else {"include": [["html"]]}
    found = browser.driver.execute_async_script(RUN, where, TAGS)
    assert isinstance(found, list), found
    return [_told(rule, node) for rule in found for node in rule["nodes"]]


@cache
def source() -> str:
    """Return the source of axe-core. Without it, skip the test or fail it."""
    path = Path(os.environ.get("MULTISESSION_AXE") or INSTALLED)
    if not path.is_file():
        missing("axe-core")
    return path.read_text()


def _told(rule: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{rule['id']}: {node['html']} {node['failureSummary']}"
