"""What the API answers with where it cannot do what it is asked for."""

from __future__ import annotations

from http import HTTPStatus

from ..bearer import CHALLENGE
from ..refusals import Refused


def not_authenticated() -> Refused:
    detail = "Sign in, or send Authorization: Bearer and a token."
    headers = {"WWW-Authenticate": CHALLENGE}
    return Refused(HTTPStatus.UNAUTHORIZED, "not_authenticated", detail, headers)


def forged(reason: str) -> Refused:
    detail = f"With a cookie, send the CSRF token, too, as the header X-CSRFToken. {reason}"
    return Refused(HTTPStatus.FORBIDDEN, "csrf", detail)


def not_found() -> Refused:
    detail = "There is no such device: it was signed out already, or it never was one of yours."
    return Refused(HTTPStatus.NOT_FOUND, "not_found", detail)


def not_allowed(method: str | None, allowed: list[str]) -> Refused:
    names = ", ".join(allowed)
    detail = f"{method} does nothing here. What does: {names}."
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "not_allowed", detail, {"Allow": names})


def invalid(detail: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "invalid", detail)


def not_json() -> Refused:
    detail = "Send JSON, and the header Content-Type: application/json."
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", detail)


def too_large() -> Refused:
    detail = "This is more than a request may hold."
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)


def unconfirmed() -> Refused:
    detail = "It is some time since you signed in: POST your password to confirm/ first."
    return Refused(HTTPStatus.FORBIDDEN, "unconfirmed", detail)


def wrong_password() -> Refused:
    return Refused(HTTPStatus.FORBIDDEN, "wrong_password", "This is not your password.")
