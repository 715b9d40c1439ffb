"""Bearer tokens for Django REST framework, with or without this package's bearer middleware.

Needs the extra "rest_framework".
"""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from django.contrib.auth import get_user
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, ParseError
from rest_framework.request import Request

from .client import client_of
from .engine import store
from .session import SessionStore
from .session.policy import USER_FIELD
from .web import bearer, outages
from .web.api_errors import ApiError


class Unavailable(APIException):  # type: ignore[misc]
    """The response to an outage of the session server: 503."""

    status_code = HTTPStatus.SERVICE_UNAVAILABLE


EXCEPTIONS = {  # by the error word of an ApiError
    "invalid_request": ParseError,
    "invalid_token": AuthenticationFailed,
    "unavailable": Unavailable,
}


class BearerSessionAuthentication(BaseAuthentication):  # type: ignore[misc]
    """Authentication by ``Authorization: Bearer <token>``, where the token is a session key.

    ``request.user`` is the user of the session, and ``request.auth`` the session. A request with a
    session cookie or without a Bearer header is left to the next authentication class, such as
    SessionAuthentication. One round trip, and one write if a touch is due. A view that changes
    ``request.auth`` has to save it.
    """

    def authenticate(self, request: Request) -> tuple[Any, SessionStore] | None:
        """Return the user and the session, or None without a token.

        Raises ParseError (400), AuthenticationFailed (401) or Unavailable (503).
        """
        try:
            with outages.raises_unavailable():
                return _authenticate(request._request)
        except ApiError as error:
            raise EXCEPTIONS[error.error](error.detail, error.error) from error

    def authenticate_header(self, request: Request) -> str:
        """Return the WWW-Authenticate header of a 401 response."""
        return bearer.CHALLENGE


def _authenticate(request: Any) -> tuple[Any, SessionStore] | None:
    """Return the user and the session of the token, or None without a token. Raises ApiError."""
    token = bearer.token_of(request)
    if token is None:
        return None
    attached = getattr(request, "session", None)
    if isinstance(attached, SessionStore) and attached.session_key == token:  # by the middleware
        return _user_of(attached), attached
    session = store()(token)
    session.describe_client = partial(client_of, request)
    if session.created_at is None:
        raise bearer.unknown_token()
    # After a change of SECRET_KEY Django's get_user() cycles the key. Without the middleware the
    # client would not receive the new one, so the key stays.
    session.cycle_key = lambda: None  # type: ignore[method-assign]
    user = _user_of(session)
    del session.cycle_key
    if session.modified or session.is_touch_due:
        session.save()
    return user, session


def _user_of(session: SessionStore) -> Any:
    """Return the user of the session; AnonymousUser if it belongs to nobody.

    Raises ApiError if the user was deleted or is not active, or if the password has changed; then
    Django ends the session.
    """
    has_user = USER_FIELD in session
    user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    if has_user and not user.is_authenticated:
        raise bearer.unknown_token()
    return user
