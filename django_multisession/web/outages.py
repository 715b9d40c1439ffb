"""Responses for requests during which the session server is down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from ..engine import store
from .api_errors import unavailable

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]


def answer_503(respond: Callable[[], HttpResponse]) -> Callable[[View], View]:
    """Return a decorator that answers an outage with ``respond()``.

    The session may be unreadable, and with it the user, so the response shows neither a menu nor
    the server's error. The session is taken off the request, so that the middleware does not try to
    save it; but if its key was changed before the outage, it stays, and the new key is sent.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def decorated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except store().storage.outages:
                _log()
                if not getattr(request.session, "is_rekeyed", False):
                    del request.session
                return respond()

        return decorated

    return decorate


@contextmanager
def raises_unavailable() -> Iterator[None]:
    """Log an outage and raise it as an ApiError with status 503."""
    try:
        yield
    except store().storage.outages as outage:
        _log()
        raise unavailable() from outage


def page_503(template: str) -> Callable[[], HttpResponse]:
    """Return a function that renders this template as a page with status 503."""

    def respond() -> HttpResponse:
        text = render_to_string(template)
        return HttpResponse(text, status=HTTPStatus.SERVICE_UNAVAILABLE)

    return respond


def _log() -> None:
    """Log the exception that is being handled."""
    logger.exception("Sessions cannot be reached")
