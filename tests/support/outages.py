"""What people and code must notice of a server that goes away and comes back, and what not."""

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


# Where no server is needed for that


class Away(Exception):
    """What a client says of its server."""


def broken(monkeypatch: Any, storage: Storage, verb: str, error: type[Exception] = Away) -> None:
    """The server is away whenever this verb of the storage asks it something."""
    monkeypatch.setattr(storage, verb, raising(error))


def raising(error: type[Exception]) -> Any:
    """A verb of a storage whose server is away."""

    def fail(*args: Any, **facts: Any) -> None:
        raise error("no answer from <server>")

    return fail


def raising_any(kind: type[Exception]) -> Any:
    """The same, for errors that take something else than a text."""

    def fail(*args: Any, **facts: Any) -> None:
        raise kind.__new__(kind)

    return fail


@contextmanager
def nowhere(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The alias of such a database, which is not there."""
    configured = connections.configure_settings({**settings.DATABASES, "nowhere": entry})
    with monkeypatch.context() as patch:
        patch.setitem(connections.settings, "nowhere", configured["nowhere"])
        try:
            yield connections["nowhere"].alias
        finally:
            del connections["nowhere"]
