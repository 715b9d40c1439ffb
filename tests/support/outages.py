"""Checks of what users and code notice of a server that stops and is started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from django_multisession.storage.base import Storage

FAST = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}  # a client of Redis, in seconds


def logs_nobody_out(browser: Any, server: Any, start: Callable[[], None]) -> None:
    """Check that an outage logs nobody out, on the pages of `session_views`."""
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
    """Check that every method of a session raises the error, and works again afterwards."""
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


# Without a server


class Away(Exception):
    """The error of a client whose server is unreachable."""


def broken(monkeypatch: Any, storage: Storage, verb: str, error: type[Exception] = Away) -> None:
    """Make this verb of the storage fail as if the server were unreachable."""
    monkeypatch.setattr(storage, verb, raising(error))


def raising(error: type[Exception]) -> Any:
    """Return a verb that raises this error."""

    def fail(*args: Any, **facts: Any) -> None:
        raise error("no answer from <server>")

    return fail


def raising_any(kind: type[Exception]) -> Any:
    """Return a verb that raises an error whose constructor takes something else than a text."""

    def fail(*args: Any, **facts: Any) -> None:
        raise kind.__new__(kind)

    return fail


@contextmanager
def nowhere(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Configure an unreachable database and yield its alias."""
    configured = connections.configure_settings({**settings.DATABASES, "nowhere": entry})
    with monkeypatch.context() as patch:
        patch.setitem(connections.settings, "nowhere", configured["nowhere"])
        try:
            yield connections["nowhere"].alias
        finally:
            del connections["nowhere"]
