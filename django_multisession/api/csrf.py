"""Django's check of cross-site requests, answered in JSON: the views are exempt from its own."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware

from . import errors


def check(request: HttpRequest) -> None:
    """Of requests with a cookie; bearer tokens cannot be sent across sites. Raises
    Refused."""
    _check.process_request(request)
    try:
        _check.process_view(request, lambda request: HttpResponse(), (), {})
    except (RequestDataTooBig, TooManyFieldsSent) as error:  # it looks for the token in forms, too
        raise errors.too_large() from error
    except (BadRequest, MultiPartParserError) as error:
        raise errors.invalid("The body is a broken form.") from error


class _Check(CsrfViewMiddleware):
    def _reject(self, request: HttpRequest, reason: str) -> Any:
        raise errors.forged(reason)


_check = _Check(lambda request: HttpResponse())
