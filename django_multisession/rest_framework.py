"""For Django REST framework: ``Authorization: Bearer <token>``, with or without our middleware for
it. Needs the extra "rest_framework"."""

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
    status_code = HTTPStatus.SERVICE_UNAVAILABLE


KINDS = {
    "invalid_request": ParseError,
    "invalid_token": AuthenticationFailed,
    "unavailable": Unavailable,
}


class BearerSessionAuthentication(BaseAuthentication):  # type: ignore[misc]
    """``request.user`` is the user of the session whose key the token is, and ``request.auth`` the
    session. Where a cookie of a session is sent, or no such header, others are asked:
    SessionAuthentication, for example. One round trip, and a write where a touch is due; saving
    what a view changes in ``request.auth`` is left to the view.
    """

    def authenticate(self, request: Request) -> tuple[Any, SessionStore] | None:
        try:
            with outages.raises_unavailable():
                return _authenticated(request._request)
        except ApiError as refused:
            raise KINDS[refused.error](refused.detail, refused.error) from refused

    def authenticate_header(self, request: Request) -> str:
        return bearer.CHALLENGE


def _authenticated(request: Any) -> tuple[Any, SessionStore] | None:
    """Raises Refused."""
    token = bearer.token_of(request)
    if token is None:
        return None
    known = getattr(request, "session", None)
    if isinstance(known, SessionStore) and known.session_key == token:  # the middleware's
        return _user_of(known), known
    session = store()(token)
    session.describe_client = partial(client_of, request)
    if session.created_at is None:
        raise bearer.unknown_token()
    # After a change of SECRET_KEY Django gives the session another key, of which nobody here could
    # tell the client.
    session.cycle_key = lambda: None  # type: ignore[method-assign]
    user = _user_of(session)
    del session.cycle_key
    if session.modified or session.is_touch_due:
        session.save()
    return user, session


def _user_of(session: SessionStore) -> Any:
    """Anonymous, where the session is nobody's. Raises Refused for a user who is gone, or
    not active, or whose password has changed; then Django ends the session."""
    is_somebodys = USER_FIELD in session
    user = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    if is_somebodys and not user.is_authenticated:
        raise bearer.unknown_token()
    return user
