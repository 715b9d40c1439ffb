"""Django's CSRF check with JSON errors. The views are exempt from the check of the middleware."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.middleware.csrf import CsrfViewMiddleware

from . import errors


def check(request: HttpRequest) -> None:
    """Raise ApiError if the request may have been forged by another site.

    Requests with a bearer token are not checked: the middleware marks them, since other sites
    cannot send tokens.
    """
    _check.process_request(request)
    try:
        _check.process_view(request, lambda request: HttpResponse(), (), {})
    except (RequestDataTooBig, TooManyFieldsSent) as error:  # the check also parses forms
        raise errors.too_large() from error
    except (BadRequest, MultiPartParserError) as error:
        raise errors.invalid("The body is not a valid form.") from error


class _Check(CsrfViewMiddleware):
    """Django's check, raising ApiError instead of returning an HTML page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        raise errors.forged(reason)


_check = _Check(lambda request: HttpResponse())
