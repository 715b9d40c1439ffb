"""What logging in, and what becomes of a user, means for sessions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.apps import apps
from django.contrib.auth import SESSION_KEY, get_user_model, logout
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import transaction
from django.db.models.signals import post_delete, post_init, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import ngettext

from .. import conf, engine, sessions, signals
from ..session import SessionStore
from ..sessions import owners
from ..web import current_request
from . import reauthentication

ATTEMPTS = 10  # to end what is beyond the limit
REMEMBERED = "_multisession_password"


class TooManySessions(PermissionDenied):
    """The user has as many sessions as MULTISESSION_SESSIONS_PER_USER allows, and
    MULTISESSION_ON_SESSION_LIMIT says to refuse more. Django answers it with 403."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            ngettext(
                "You are logged in on %(limit)d device already. Log out there first.",
                "You are logged in on %(limit)d devices already. Log out on one of them first.",
                limit,
            )
            % {"limit": limit}
        )


@receiver(user_logged_in)
def renew_key(request: HttpRequest | None, **kwargs: Any) -> None:
    """A new key on every login (ASVS 5.0 7.2.4). Django keeps the old one for the same user."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore) and session.session_key and not session.is_key_new:
        session.cycle_key()


@receiver(user_logged_in)
def refuse_beyond_limit(request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    """The session is not stored yet, or was stored for a visitor: it is left to nobody."""
    session = getattr(request, "session", None)
    if request and isinstance(session, SessionStore):
        try:
            check_limit(user, keep=session.handle)
        except TooManySessions:
            logout(request)
            _forget_awaited(request)
            raise


@receiver(user_logged_in)
def note_authentication(request: HttpRequest | None, **kwargs: Any) -> None:
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        reauthentication.mark_authenticated(session)


def _forget_awaited(request: Any) -> None:
    """Before Django 6.1 its logout leaves the user to those who await it."""

    async def auser() -> Any:
        return request.user

    if hasattr(request, "auser"):
        request.auser = auser


def check_limit(user: Any, *, keep: str | None = None) -> None:
    """Raises TooManySessions where the user has as many as are allowed, ``keep`` not counted, and
    MULTISESSION_ON_SESSION_LIMIT says to refuse more."""
    limit = conf.sessions_per_user(user) if conf.on_session_limit() == "refuse" else None
    if limit is not None and "user" in conf.references():
        others = [info for info in sessions.for_user(user) if info.handle != keep]
        if len(others) >= limit:
            raise TooManySessions(limit)


@receiver([signals.session_created, signals.session_saved])
def keep_to_limit(references: Mapping[str, str], **kwargs: Any) -> None:
    """After a login was stored: end the least recently active beyond the limit.

    Each of several logins at once sees all that were stored before it, and all judge alike, so
    together they leave as many as are allowed. Looks again, for one may just get a new key.
    """
    key = kwargs.get("moved", references).get("user")
    if key is None or conf.on_session_limit() != "end_oldest":
        return
    user = get_user_model()._default_manager.filter(pk=key).first()
    limit = conf.sessions_per_user(user) if user is not None else None
    for _ in range(ATTEMPTS if limit is not None else 0):
        ended = [info.end(reason="too_many") for info in sessions.for_user(user)[limit:]]
        if not ended:
            break


# What becomes of a user


def connect() -> None:
    """To the project's user model, and what derives from it."""
    try:
        users = get_user_model()
    except ImproperlyConfigured:  # a project without users has sessions, too
        return
    for model in apps.get_models():
        if issubclass(model, users):
            post_init.connect(remember_password, sender=model, dispatch_uid="multisession")
            post_save.connect(user_saved, sender=model, dispatch_uid="multisession")
        if model._meta.concrete_model is users:  # of what derives, the user may stay
            post_delete.connect(user_deleted, sender=model, dispatch_uid="multisession")


def remember_password(instance: Any, **kwargs: Any) -> None:
    """As it is stored, if it was read: to know later whether it is another."""
    instance.__dict__[REMEMBERED] = instance.__dict__.get("password")


def user_saved(instance: Any, created: bool, using: str, raw: bool, **kwargs: Any) -> None:
    """Another password ends all other sessions of the user, deactivation ends all."""
    fields = kwargs["update_fields"]
    is_new_password = _has_new_password(instance, fields)
    if created or raw:
        return
    if (fields is None or "is_active" in fields) and not getattr(instance, "is_active", True):
        _log_out(instance, using, "deactivated")
    elif is_new_password and _logs_out_others():
        _log_out(instance, using, "password_changed", keep=current_request.session())


def user_deleted(instance: Any, using: str, **kwargs: Any) -> None:
    _log_out(instance, using, "deleted")


def _logs_out_others() -> bool:
    """Only with our middleware: Django's does not tell which session is the request's own."""
    is_known = engine.OUR_MIDDLEWARE in engine.middleware()
    return is_known and conf.logs_out_on_password_change()


def _has_new_password(user: Any, fields: Collection[str] | None) -> bool:
    """Was another one stored? That the same one is hashed anew is no change: Django saves that, and
    nothing else, and forgets the text."""
    if fields is not None and "password" not in fields:
        return False
    before, now = (user.__dict__.get(name) for name in (REMEMBERED, "password"))
    text = getattr(user, "_password", None)
    remember_password(user)
    if before is None:
        return text is not None
    is_upgrade = {*(fields or ())} == {"password"} and text is None and is_password_usable(now)
    return now != before and not is_upgrade


def _log_out(user: Any, using: str, reason: str, keep: Any = None) -> None:
    """Once it is committed, or nothing would have happened to the user."""
    if not engine.find_store() or "user" not in conf.references():
        return  # nobody knows whose sessions are
    key, own = owners.user_pk(user), current_request.session()

    def end() -> None:
        sessions.log_out_everywhere(key, keep=keep, reason=reason)
        if keep is None and own is not None and own.get(SESSION_KEY) == key:
            own.flush()  # or what else the request writes would fail

    transaction.on_commit(end, using=using)
