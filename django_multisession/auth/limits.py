"""The limit on the number of sessions of a user: MULTISESSION_SESSIONS_PER_USER."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model, logout
from django.core.exceptions import PermissionDenied
from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.translation import ngettext

from .. import conf, sessions, signals
from ..session import SessionStore

ATTEMPTS = 10  # rounds of ending the sessions beyond the limit


class TooManySessions(PermissionDenied):
    """The user already has as many sessions as MULTISESSION_SESSIONS_PER_USER allows.

    Raised on login if MULTISESSION_ON_SESSION_LIMIT is "refuse". Django answers it with 403.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            ngettext(
                "You are already signed in on %(limit)d device. Sign out that device first.",
                "You are already signed in on %(limit)d devices. Sign out one of them first.",
                limit,
            )
            % {"limit": limit}
        )


def connect() -> None:
    """Connect keep_to_limit() if the settings need it, now and whenever they change."""
    setting_changed.connect(connect_to_settings)
    connect_to_settings()


def connect_to_settings(**kwargs: Any) -> None:
    """Connect keep_to_limit() while sessions beyond a limit are to be ended, else disconnect it.

    The signals are sent on every save, and most projects have no limit.
    """
    is_needed = conf.on_session_limit() == "end_oldest"
    for signal in (signals.session_created, signals.session_saved):
        if is_needed:
            signal.connect(keep_to_limit)
        else:
            signal.disconnect(keep_to_limit)


def check_limit(user: Any, *, keep: str | None = None) -> None:
    """Raise TooManySessions if the user may not have one more session.

    Only if MULTISESSION_ON_SESSION_LIMIT is "refuse". The session with the handle ``keep`` is not
    counted. Costs as many round trips as `sessions.for_user`, or none without a limit.
    """
    limit = conf.sessions_per_user(user) if conf.on_session_limit() == "refuse" else None
    if limit is not None and "user" in conf.references():
        others = [info for info in sessions.for_user(user) if info.handle != keep]
        if len(others) >= limit:
            raise TooManySessions(limit)


def refuse_beyond_limit(request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """Undo a login beyond the limit and raise TooManySessions.

    The session of the login is either not stored yet or was stored for a visitor. Logging out
    flushes it, so that it does not keep the user.
    """
    session = getattr(request, "session", None)
    if request and isinstance(session, SessionStore):
        try:
            check_limit(user, keep=session.handle)
        except TooManySessions:
            logout(request)
            _reset_auser(request)
            raise


def keep_to_limit(references: Mapping[str, str], **kwargs: Any) -> None:
    """End the least recently active sessions beyond the limit, after a login was stored.

    Several logins may happen at once. Each of them sees all sessions that were stored before it,
    and all apply the same order, so together they leave as many sessions as are allowed. Sessions
    are listed again after some were ended, because one of them may have got a new key meanwhile.
    """
    user_pk = kwargs.get("changed_references", references).get("user")
    if user_pk is None:
        return
    user = get_user_model()._default_manager.filter(pk=user_pk).first()
    limit = conf.sessions_per_user(user) if user is not None else None
    for _ in range(ATTEMPTS if limit is not None else 0):
        ended = [info.end(reason="too_many") for info in sessions.for_user(user)[limit:]]
        if not ended:
            break


def _reset_auser(request: Any) -> None:
    """Make request.auser() return the anonymous user: before Django 6.1, logout() does not."""

    async def auser() -> Any:
        return request.user

    if hasattr(request, "auser"):
        request.auser = auser
