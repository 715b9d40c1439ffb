"""Whose request it is that code runs in, for what is told by signals of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("multisession_request", default=None)


@contextmanager
def bind(request: HttpRequest) -> Iterator[None]:
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def session() -> Any:
    """The session of the request that is under way here; None outside of requests, and under
    Django's own session middleware, which tells nobody."""
    return getattr(_request.get(), "session", None)
