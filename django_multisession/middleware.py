"""Django's session middleware, async-native, which also knows the client and touches sessions."""

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
    """Takes the place of ``django.contrib.sessions.middleware.SessionMiddleware``.

    Saving and the cookie stay Django's business. What is added: sessions learn the client's
    address and user agent. One that was read, and last seen longer ago than
    MULTISESSION_TOUCH_INTERVAL, is touched (one write), and its cookie sent again if its end
    moved. Under ASGI everything is awaited. Nothing is written for a response of 500 or more; but
    a key that was changed before the error is sent, or the visitor would lose the session.
    """

    SessionStore: type[SessionStore]

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "django_multisession.middleware.SessionMiddleware needs an engine of its own: set "
                "SESSION_ENGINE to 'django_multisession.backends.db', for example."
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

    def process_request(  # type: ignore[override]  # Django answers with what it returns
        self, request: HttpRequest
    ) -> HttpResponse | None:
        super().process_request(request)
        session: Any = request.session
        session.describe_client = partial(client_of, request)
        return None

    async def aprocess_request(self, request: HttpRequest) -> HttpResponse | None:
        """See process_request()."""
        return self.process_request(request)  # nothing is read yet

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        session: Any = getattr(request, "session", None)
        if _is_idle(session, response):
            end = session.expires_at
            if session.touch() and _outlives_cookie(session, end):
                _send_cookie(session, response)
        elif _would_be_lost(session, response):
            _send_cookie(session, response)
        return response

    async def aprocess_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """See process_response(). Django's half is left nothing to read and nothing to save."""
        session: Any = getattr(request, "session", None)
        if _will_be_saved(session):
            await session.aget_expire_at_browser_close()  # reads it, if that is yet to be done
            if response.status_code < SERVER_ERROR:
                await session.asave()
        response = super().process_response(request, response)
        if _is_idle(session, response):
            end = session.expires_at
            if await session.atouch() and _outlives_cookie(session, end):
                _send_cookie(session, response)
        elif _would_be_lost(session, response):
            await session.aget_expire_at_browser_close()
            _send_cookie(session, response)
        return response


class BearerSessionMiddleware(SessionMiddleware):
    """The same, and ``Authorization: Bearer <token>`` counts where there is no session cookie.

    A token is the key of a session: `sessions.create` makes one. The session is read at once (one
    round trip, which its first use is spared), because a token that is none any more is an error
    of the client's, 401, and no visitor. Where it cannot be read the answer is 503, and the outage
    is logged. No cookie is set; and since no page can have another one's browser send this header,
    CSRF is not checked. All that of requests with a cookie, whose header is ignored, stays as it
    was.
    """

    def process_request(  # type: ignore[override]
        self, request: HttpRequest
    ) -> HttpResponse | None:
        try:
            with outages.raises_unavailable():
                session = self._offered_token(request)
                if session is not None and session.created_at is None:
                    raise bearer.unknown_token()
        except ApiError as refused:
            return refused.response()
        return self._begun(request, session)

    async def aprocess_request(self, request: HttpRequest) -> HttpResponse | None:
        """See process_request()."""
        try:
            with outages.raises_unavailable():
                session = self._offered_token(request)
                if session is not None and await session.acreated_at() is None:
                    raise bearer.unknown_token()
        except ApiError as refused:
            return refused.response()
        return self._begun(request, session)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        return bearer.finalize_response(request, super().process_response(request, response))

    async def aprocess_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """See process_response()."""
        return bearer.finalize_response(request, await super().aprocess_response(request, response))

    def _offered_token(self, request: HttpRequest) -> SessionStore | None:
        """By a header. Raises Refused."""
        token = bearer.token_of(request)
        return None if token is None else self.SessionStore(token)

    def _begun(self, request: HttpRequest, session: SessionStore | None) -> HttpResponse | None:
        if session is None:
            return super().process_request(request)
        session.describe_client = partial(client_of, request)
        request.session = session
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]  # what Django asks
        return None


def _will_be_saved(session: Any) -> bool:
    """Django's condition."""
    wanted = session is not None and (
        session.modified or conf.django_setting("SESSION_SAVE_EVERY_REQUEST")
    )
    return wanted and not session.is_empty()


def _is_idle(session: Any, response: HttpResponse) -> bool:
    """Was it read, and not written, and is it worth a touch?"""
    return response.status_code < SERVER_ERROR and getattr(session, "is_touch_due", False)


def _outlives_cookie(session: SessionStore, end: datetime) -> bool:
    """Does it end later than at ``end``, the cookie's end, now? Some cookies have none."""
    return session.expires_at != end and not session.get_expire_at_browser_close()


def _would_be_lost(session: Any, response: HttpResponse) -> bool:
    """Has it a new key that Django, on an error, tells nobody?"""
    return response.status_code >= SERVER_ERROR and getattr(session, "is_rekeyed", False)


def _send_cookie(session: SessionStore, response: HttpResponse) -> None:
    until_closed = session.get_expire_at_browser_close()
    age = None if until_closed else session.get_expiry_age()
    response.set_cookie(value=session.session_key or "", max_age=age, **conf.cookie())
    patch_vary_headers(response, ("Cookie",))  # or a cache gives it to others: CVE-2026-35192
