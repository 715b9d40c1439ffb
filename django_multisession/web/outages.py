"""What pages say where sessions cannot be had."""

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


def answer_503(answer: Callable[[], HttpResponse]) -> Callable[[View], View]:
    """A decorator: answer with what says so. Who asks may not be known then: that is in a session,
    too. So the answer shows neither a menu nor what the server said, and the middleware leaves the
    session alone; but a key that was changed before, it still sends."""

    def decorated(view: View) -> View:
        @wraps(view)
        def telling(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except store().storage.outages:
                _log()
                if not getattr(request.session, "is_rekeyed", False):
                    del request.session
                return answer()

        return telling

    return decorated


@contextmanager
def raises_unavailable() -> Iterator[None]:
    """For programs: raises Refused where sessions cannot be had."""
    try:
        yield
    except store().storage.outages as outage:
        _log()
        raise unavailable() from outage


def page_503(template: str) -> Callable[[], HttpResponse]:
    """An answer for people."""

    def answer() -> HttpResponse:
        text = render_to_string(template)
        return HttpResponse(text, status=HTTPStatus.SERVICE_UNAVAILABLE)

    return answer


def _log() -> None:
    """Of the exception that is being handled."""
    logger.exception("Sessions cannot be reached")
