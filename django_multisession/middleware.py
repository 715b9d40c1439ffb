"""Session middleware: Django's, natively async, with touches and bearer tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.sessions import middleware
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from . import conf
from .client import client_of
from .session import SessionStore
from .web import bearer, current_request, outages
from .web.api_errors import ApiError

SERVER_ERROR = 500


class SessionMiddleware(middleware.SessionMiddleware):
    """A replacement for ``django.contrib.sessions.middleware.SessionMiddleware``.

    Django's code still saves the session and sets the cookie. This class adds:

    - Sessions store the client's IP address and user agent.
    - A session that was read, and last seen longer than MULTISESSION_TOUCH_INTERVAL ago, is touched
      (one write). Its cookie is sent again if its expiry moved.
    - Under ASGI all input and output is awaited.
    - On a response with status 500 or higher nothing is written, as in Django. But if the key was
      changed before the error, the new key is sent; otherwise the visitor would lose the session.
    """

    SessionStore: type[SessionStore]

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "django_multisession.middleware.SessionMiddleware needs an engine of this package: "
                "set SESSION_ENGINE to 'django_multisession.backends.db', for example."
            )

    def __call__(self, request: HttpRequest) -> Any:
        if self.async_mode:
            return self.__acall__(request)
        with current_request.bind(request):
            return super().__call__(request)

    async def __acall__(self, request: HttpRequest) -> HttpResponse:
        with current_request.bind(request):
            response = await self.aprocess_request(request)
            if response is None:
                response = await self.get_response(request)  # type: ignore[misc]
            return await self.aprocess_response(request, response)

    def process_request(  # type: ignore[override]  # subclasses may return a response
        self, request: HttpRequest
    ) -> HttpResponse | None:
        """Attach the session to the request. Nothing is read yet."""
        super().process_request(request)
        session: Any = request.session
        session.describe_client = partial(client_of, request)
        return None

    async def aprocess_request(self, request: HttpRequest) -> HttpResponse | None:
        """See process_request()."""
        return self.process_request(request)  # no input or output

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save or touch the session, and send its cookie if that changed."""
        response = super().process_response(request, response)
        session: Any = getattr(request, "session", None)
        if _is_idle(session, response):
            old_expiry = session.expires_at
            if session.touch() and _outlives_cookie(session, old_expiry):
                _send_cookie(session, response)
        elif _would_be_lost(session, response):
            _send_cookie(session, response)
        return response

    async def aprocess_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """See process_response().

        The session is read and saved before Django's synchronous method runs, which then finds
        nothing to read or save.
        """
        session: Any = getattr(request, "session", None)
        if _will_be_saved(session):
            await session.aget_expire_at_browser_close()  # reads the session if necessary
            if response.status_code < SERVER_ERROR:
                await session.asave()
        response = super().process_response(request, response)
        if _is_idle(session, response):
            old_expiry = session.expires_at
            if await session.atouch() and _outlives_cookie(session, old_expiry):
                _send_cookie(session, response)
        elif _would_be_lost(session, response):
            await session.aget_expire_at_browser_close()
            _send_cookie(session, response)
        return response


class BearerSessionMiddleware(SessionMiddleware):
    """A session middleware that also accepts ``Authorization: Bearer <token>``.

    A token is the key of a session, such as `sessions.create` returns. The header counts only if
    the request has no session cookie; requests with a cookie are handled as before. For a token:

    - The session is read at once (one round trip, which its first use saves), because a token that
      is not valid is a client error, 401, and not a visitor.
    - If the session cannot be read, the response is 503 and the outage is logged.
    - No cookie is set. A new key is sent in the header Session-Token.
    - CSRF is not checked, since another site's page cannot make a browser send this header.
    """

    def process_request(  # type: ignore[override]
        self, request: HttpRequest
    ) -> HttpResponse | None:
        """Attach the session of the token or the cookie, or return an error response."""
        try:
            with outages.raises_unavailable():
                session = self._session_of_token(request)
                if session is not None and session.created_at is None:
                    raise bearer.unknown_token()
        except ApiError as error:
            return error.response()
        return self._attach(request, session)

    async def aprocess_request(self, request: HttpRequest) -> HttpResponse | None:
        """See process_request()."""
        try:
            with outages.raises_unavailable():
                session = self._session_of_token(request)
                if session is not None and await session.acreated_at() is None:
                    raise bearer.unknown_token()
        except ApiError as error:
            return error.response()
        return self._attach(request, session)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save or touch the session, and send a changed key as a cookie or as a token."""
        return bearer.finalize_response(request, super().process_response(request, response))

    async def aprocess_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """See process_response()."""
        return bearer.finalize_response(request, await super().aprocess_response(request, response))

    def _session_of_token(self, request: HttpRequest) -> SessionStore | None:
        """Return the session, not read yet, of a Bearer header. Raises ApiError."""
        token = bearer.token_of(request)
        return None if token is None else self.SessionStore(token)

    def _attach(self, request: HttpRequest, session: SessionStore | None) -> HttpResponse | None:
        """Attach the token's session to the request, or the cookie's if there is no token."""
        if session is None:
            return super().process_request(request)
        session.describe_client = partial(client_of, request)
        request.session = session
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # read by Django
        return None


def _will_be_saved(session: Any) -> bool:
    """Return whether Django will save the session: the condition of its process_response()."""
    wanted = session is not None and (
        session.modified or conf.django_setting("SESSION_SAVE_EVERY_REQUEST")
    )
    return wanted and not session.is_empty()


def _is_idle(session: Any, response: HttpResponse) -> bool:
    """Return whether the session was read but not written, and a touch is due."""
    return response.status_code < SERVER_ERROR and getattr(session, "is_touch_due", False)


def _outlives_cookie(session: SessionStore, old_expiry: datetime) -> bool:
    """Return whether the session now expires later than its cookie.

    Cookies that last until the browser is closed have no expiry to move.
    """
    return session.expires_at != old_expiry and not session.get_expire_at_browser_close()


def _would_be_lost(session: Any, response: HttpResponse) -> bool:
    """Return whether the session has a new key, which Django does not send with an error."""
    return response.status_code >= SERVER_ERROR and getattr(session, "is_rekeyed", False)


def _send_cookie(session: SessionStore, response: HttpResponse) -> None:
    """Set the session cookie on the response."""
    until_closed = session.get_expire_at_browser_close()
    age = None if until_closed else session.get_expiry_age()
    response.set_cookie(value=session.session_key or "", max_age=age, **conf.cookie())
    patch_vary_headers(response, ("Cookie",))  # else caches share it: CVE-2026-35192
