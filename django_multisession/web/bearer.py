"""Bearer tokens in the Authorization header (RFC 6750): session keys of clients without cookies."""

from __future__ import annotations

import re
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers, has_vary_header, patch_vary_headers

from .. import conf
from ..core import keys
from .api_errors import ApiError

SCHEME = re.compile(r"bearer(?![\w-])", re.IGNORECASE)
TOKEN_HEADER = "Session-Token"  # noqa: S105 - the name of the header that carries a new token
REALM = "sessions"
CHALLENGE = f'Bearer realm="{REALM}"'

# The errors of RFC 6750, section 3.1: status, error, error_description.
MALFORMED = (
    HTTPStatus.BAD_REQUEST,
    "invalid_request",
    "The Authorization header must be: Bearer, one space, and one token.",
)
NO_TOKEN = (
    HTTPStatus.UNAUTHORIZED,
    "invalid_token",
    "This is not a token: a token has 32 lower-case letters and digits.",
)
UNKNOWN = (
    HTTPStatus.UNAUTHORIZED,
    "invalid_token",
    "The token is unknown, was ended, or has expired.",
)


def has_bearer_header(request: HttpRequest) -> bool:
    """Return whether the request is to be authenticated by a Bearer header.

    A session cookie takes precedence: if there is one, the header is ignored.
    """
    if conf.django_setting("SESSION_COOKIE_NAME") in request.COOKIES:
        return False
    return SCHEME.match(request.META.get("HTTP_AUTHORIZATION", "")) is not None


def token_of(request: HttpRequest) -> str | None:
    """Return the well-formed token of the request, or None without a Bearer header.

    Raises ApiError for a header that is malformed, which must never reach a storage.
    """
    if not has_bearer_header(request):
        return None
    scheme, _, token = request.META["HTTP_AUTHORIZATION"].partition(" ")
    if scheme.lower() != "bearer" or not token or re.search(r"[\s,]", token):
        raise _error(*MALFORMED)
    if not keys.is_key(token):
        raise _error(*NO_TOKEN)
    return token


def unknown_token() -> ApiError:
    """Return the error for a token that has no live session, or whose user may not log in."""
    return _error(*UNKNOWN)


def finalize_response(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the response of a token request without its session cookie.

    If the session has a new key, after a change of password for example, the key is sent in the
    header Session-Token; otherwise the client would be locked out. ``Vary`` names Authorization
    wherever the response depends on the session.
    """
    if not has_bearer_header(request):
        if has_vary_header(response, "Cookie"):  # without a cookie, the header would have counted
            patch_vary_headers(response, ("Authorization",))
        return response
    cookie = response.cookies.pop(conf.django_setting("SESSION_COOKIE_NAME"), None)
    if cookie is not None and cookie.value and not _has_token(request, cookie.value):
        response.headers[TOKEN_HEADER] = cookie.value
        add_never_cache_headers(response)
    patch_vary_headers(response, ("Authorization",))
    return response


def _has_token(request: HttpRequest, key: str) -> bool:
    """Return whether the client sent this key already."""
    return bool(request.META["HTTP_AUTHORIZATION"].endswith(f" {key}"))


def _error(status: HTTPStatus, error: str, description: str) -> ApiError:
    """Return the error with its WWW-Authenticate header. It never contains the token itself."""
    challenge = f'{CHALLENGE}, error="{error}", error_description="{description}"'
    return ApiError(status, error, description, {"WWW-Authenticate": challenge})
