"""The current request, for receivers of model signals, which are not given a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("multisession_request", default=None)


@contextmanager
def bind(request: HttpRequest) -> Iterator[None]:
    """Make this the current request while the context lasts."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def session() -> Any:
    """Return the session of the current request, or None.

    None outside of requests, and always under Django's own session middleware, which does not call
    bind().
    """
    return getattr(_request.get(), "session", None)
