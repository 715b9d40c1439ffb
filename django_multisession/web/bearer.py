"""Tokens in the Authorization header (RFC 6750): the keys of sessions without a browser."""

from __future__ import annotations

import re
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers, has_vary_header, patch_vary_headers

from .. import conf
from ..core import keys
from .api_errors import ApiError

SCHEME = re.compile(r"bearer(?![\w-])", re.IGNORECASE)
TOKEN_HEADER = "Session-Token"  # noqa: S105 - tells the client of a new token
REALM = "sessions"
CHALLENGE = f'Bearer realm="{REALM}"'

# What is wrong with a header.
MALFORMED = (
    HTTPStatus.BAD_REQUEST,
    "invalid_request",
    "The Authorization header must be: Bearer, one space, and one token.",
)
NO_TOKEN = (
    HTTPStatus.UNAUTHORIZED,
    "invalid_token",
    "This is no token: tokens have 32 lower-case letters and digits.",
)
UNKNOWN = (
    HTTPStatus.UNAUTHORIZED,
    "invalid_token",
    "The token has ended or expired, or never was one.",
)


def has_bearer_header(request: HttpRequest) -> bool:
    """Is there a Bearer header, and no cookie of a session, which would count alone?"""
    if conf.django_setting("SESSION_COOKIE_NAME") in request.COOKIES:
        return False
    return SCHEME.match(request.META.get("HTTP_AUTHORIZATION", "")) is not None


def token_of(request: HttpRequest) -> str | None:
    """What could be a token; None where none is offered. Raises Refused for anything else, which
    must never reach a storage."""
    if not has_bearer_header(request):
        return None
    scheme, _, token = request.META["HTTP_AUTHORIZATION"].partition(" ")
    if scheme.lower() != "bearer" or not token or re.search(r"[\s,]", token):
        raise _refused(*MALFORMED)
    if not keys.is_key(token):
        raise _refused(*NO_TOKEN)
    return token


def unknown_token() -> ApiError:
    """Of a token under which there is nothing to be logged in to."""
    return _refused(*UNKNOWN)


def finalize_response(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response without a cookie. A new key, of a new password for example, is told in a header
    of its own, or the client would be locked out."""
    if not has_bearer_header(request):
        if has_vary_header(response, "Cookie"):  # and so on this header, where there is no cookie
            patch_vary_headers(response, ("Authorization",))
        return response
    cookie = response.cookies.pop(conf.django_setting("SESSION_COOKIE_NAME"), None)
    if cookie is not None and cookie.value and not _is_the_same(request, cookie.value):
        response.headers[TOKEN_HEADER] = cookie.value
        add_never_cache_headers(response)
    patch_vary_headers(response, ("Authorization",))
    return response


def _is_the_same(request: HttpRequest, key: str) -> bool:
    return bool(request.META["HTTP_AUTHORIZATION"].endswith(f" {key}"))


def _refused(status: HTTPStatus, error: str, description: str) -> ApiError:
    """The token itself is never told."""
    challenge = f'{CHALLENGE}, error="{error}", error_description="{description}"'
    return ApiError(status, error, description, {"WWW-Authenticate": challenge})
