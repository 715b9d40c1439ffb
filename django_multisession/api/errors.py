"""What the API answers with where it cannot do what it is asked for."""

from __future__ import annotations

from http import HTTPStatus

from ..web.api_errors import ApiError
from ..web.bearer import CHALLENGE


def not_authenticated() -> ApiError:
    detail = "Sign in, or send Authorization: Bearer and a token."
    headers = {"WWW-Authenticate": CHALLENGE}
    return ApiError(HTTPStatus.UNAUTHORIZED, "not_authenticated", detail, headers)


def forged(reason: str) -> ApiError:
    detail = f"With a cookie, send the CSRF token, too, as the header X-CSRFToken. {reason}"
    return ApiError(HTTPStatus.FORBIDDEN, "csrf", detail)


def not_found() -> ApiError:
    detail = "There is no such device: it was signed out already, or it never was one of yours."
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", detail)


def not_allowed(method: str | None, allowed: list[str]) -> ApiError:
    names = ", ".join(allowed)
    detail = f"{method} does nothing here. What does: {names}."
    return ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "not_allowed", detail, {"Allow": names})


def invalid(detail: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid", detail)


def not_json() -> ApiError:
    detail = "Send JSON, and the header Content-Type: application/json."
    return ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", detail)


def too_large() -> ApiError:
    detail = "This is more than a request may hold."
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def unconfirmed() -> ApiError:
    detail = "It is some time since you signed in: POST your password to confirm/ first."
    return ApiError(HTTPStatus.FORBIDDEN, "unconfirmed", detail)


def wrong_password() -> ApiError:
    return ApiError(HTTPStatus.FORBIDDEN, "wrong_password", "This is not your password.")
