"""What people and code must notice of a server that goes away and comes back, and what not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def logs_nobody_out(browser: Any, server: Any, start: Callable[[], None]) -> None:
    """Through the pages of test_middleware."""
    assert browser.get("/sync_count").content == b"1"
    key = browser.cookies["sessionid"].value
    server.kill()
    for _ in range(2):
        response = browser.get("/sync_count")
        assert (response.status_code, dict(response.cookies)) == (500, {})
    assert browser.cookies["sessionid"].value == key
    start()
    assert browser.get("/sync_count").content == b"2"


def is_raised_by_every_method(
    store: Any, server: Any, start: Callable[[], None], error: Any
) -> None:
    """Of a session, which then goes on."""
    holder = store()
    holder["a"] = 1
    holder.save()
    key = holder.session_key
    holder["a"] = 2
    server.kill()
    calls = [store(key).load, holder.save, holder.touch, holder.cycle_key, holder.flush]
    calls += [store().create, lambda: store().exists(key), store.clear_expired]
    for call in calls:
        with pytest.raises(error):
            call()
    start()
    assert holder.session_key == key
    assert store(key)["a"] == 1
    holder.save()
    assert store(key)["a"] == 2
