"""What the admin says where sessions cannot be had."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from ..engine import store

logger = logging.getLogger(__name__)

View = Callable[..., HttpResponse]


def telling_outages(view: View) -> View:
    """Answer with a page that says so. Who asks may not be known then: that is in a session, too.
    So it shows neither a menu nor what the server said, and the middleware leaves the session
    alone."""

    @wraps(view)
    def telling(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except store().storage.outages:
            logger.exception("The admin cannot reach sessions")
            del request.session
            text = render_to_string("admin/django_multisession/session/outage.html")
            return HttpResponse(text, status=HTTPStatus.SERVICE_UNAVAILABLE)

    return telling
