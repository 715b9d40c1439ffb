"""The errors of the API. Each function returns one, with its status and its error word."""

from __future__ import annotations

from http import HTTPStatus

from ..web.api_errors import ApiError
from ..web.bearer import CHALLENGE


def not_authenticated() -> ApiError:
    """Return 401: the request has no user."""
    detail = "Sign in, or send the header Authorization: Bearer <token>."
    headers = {"WWW-Authenticate": CHALLENGE}
    return ApiError(HTTPStatus.UNAUTHORIZED, "not_authenticated", detail, headers)


def forged(reason: str) -> ApiError:
    """Return 403: Django's CSRF check failed for this reason."""
    detail = f"Requests with a cookie need the CSRF token in the header X-CSRFToken. {reason}"
    return ApiError(HTTPStatus.FORBIDDEN, "csrf", detail)


def not_found() -> ApiError:
    """Return 404: the user has no device with this handle."""
    detail = "Device not found: it was already signed out, or it is not one of your devices."
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", detail)


def not_allowed(method: str | None, allowed: list[str]) -> ApiError:
    """Return 405 with the allowed methods."""
    names = ", ".join(allowed)
    detail = f"{method} is not allowed. Allowed methods: {names}."
    return ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "not_allowed", detail, {"Allow": names})


def invalid(detail: str) -> ApiError:
    """Return 400: the request has the wrong form."""
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid", detail)


def not_json() -> ApiError:
    """Return 415: the content type is not JSON."""
    detail = "The body must be JSON, with the header Content-Type: application/json."
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", detail)


def too_large() -> ApiError:
    """Return 413: the body exceeds one of Django's limits."""
    detail = "The request body is too large."
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def unconfirmed() -> ApiError:
    """Return 403: the user has to authenticate again first."""
    detail = "You signed in a while ago: POST your password to confirm/ first."
    return ApiError(HTTPStatus.FORBIDDEN, "unconfirmed", detail)


def wrong_password() -> ApiError:
    """Return 403: the password does not match."""
    return ApiError(HTTPStatus.FORBIDDEN, "wrong_password", "That password is not correct.")
