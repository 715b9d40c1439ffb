"""Tests of whole sites: browsers, sockets, and the demo."""

from __future__ import annotations

import pytest

from support.fixtures_people import chromium, demo, demos
from support.markers import mark_thorough

__all__ = ["chromium", "demo", "demos"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of this folder."""
    mark_thorough(item)
    item.add_marker("pages")
