"""Receivers for logins and for changes of users: new keys, limits, and sessions that are ended."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.apps import apps
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models.signals import post_delete, post_init, post_save
from django.http import HttpRequest

from .. import conf, engine, sessions
from ..session import SessionStore
from ..sessions import owners
from ..web import current_request
from . import limits, reauthentication
from .limits import TooManySessions as TooManySessions

STORED_PASSWORD = "_multisession_password"  # noqa: S105 - the name of an attribute of users


def connect() -> None:
    """Connect all receivers of this package. Calling it again changes nothing."""
    for login_receiver in (renew_key, limits.refuse_beyond_limit, note_authentication):
        user_logged_in.connect(login_receiver)
    limits.connect()
    try:
        user_model = get_user_model()
    except ImproperlyConfigured:  # a project without users has sessions, too
        return
    for model in apps.get_models():
        if issubclass(model, user_model):
            post_init.connect(remember_password, sender=model, dispatch_uid="multisession")
            post_save.connect(user_saved, sender=model, dispatch_uid="multisession")
        # Deleting the row of a derived model may keep the user.
        if model._meta.concrete_model is user_model:
            post_delete.connect(user_deleted, sender=model, dispatch_uid="multisession")


# Logins


def renew_key(request: HttpRequest | None, **kwargs: Any) -> None:
    """Give the session a new key on every login (ASVS 5.0, 7.2.4).

    Django keeps the old key if the same user logs in again.
    """
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore) and session.session_key and not session.is_key_new:
        session.cycle_key()


def note_authentication(request: HttpRequest | None, **kwargs: Any) -> None:
    """Store the time of the login in the session."""
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        reauthentication.mark_authenticated(session)


# Changes of users


def remember_password(instance: Any, **kwargs: Any) -> None:
    """Remember the stored password hash, if it was read, to notice a change later."""
    instance.__dict__[STORED_PASSWORD] = instance.__dict__.get("password")


def user_saved(instance: Any, created: bool, using: str, raw: bool, **kwargs: Any) -> None:
    """End all sessions of a deactivated user, and the other sessions after a password change."""
    fields = kwargs["update_fields"]
    is_new_password = _has_new_password(instance, fields)
    if created or raw:
        return
    if (fields is None or "is_active" in fields) and not getattr(instance, "is_active", True):
        _log_out(instance, using, "deactivated")
    elif is_new_password and _logs_out_others():
        _log_out(instance, using, "password_changed", keep=current_request.session())


def user_deleted(instance: Any, using: str, **kwargs: Any) -> None:
    """End all sessions of a deleted user."""
    _log_out(instance, using, "deleted")


def _logs_out_others() -> bool:
    """Return whether a password change ends the user's other sessions.

    Requires this package's middleware: under Django's, the current session is not known and would
    be ended, too.
    """
    is_session_known = engine.OUR_MIDDLEWARE in engine.middleware()
    return is_session_known and conf.logs_out_on_password_change()


def _has_new_password(user: Any, fields: Collection[str] | None) -> bool:
    """Return whether another password was stored.

    A new hash of the same password does not count. Django stores such an upgrade with
    update_fields=["password"] after it cleared the plain text.
    """
    if fields is not None and "password" not in fields:
        return False
    before, now = (user.__dict__.get(name) for name in (STORED_PASSWORD, "password"))
    plain_text = getattr(user, "_password", None)
    remember_password(user)
    if before is None:
        return plain_text is not None
    is_upgrade = (
        {*(fields or ())} == {"password"} and plain_text is None and is_password_usable(now)
    )
    return now != before and not is_upgrade


def _log_out(user: Any, using: str, reason: str, keep: Any = None) -> None:
    """End the user's sessions once the transaction is committed; a rollback changes no user."""
    if not engine.find_store() or "user" not in conf.references():
        return  # sessions are not indexed by user
    user_pk, own_session = owners.user_pk(user), current_request.session()

    def end() -> None:
        sessions.log_out_everywhere(user_pk, keep=keep, reason=reason)
        if keep is None and own_session is not None and own_session.get(SESSION_KEY) == user_pk:
            own_session.flush()  # otherwise saving it at the end of the request would fail

    transaction.on_commit(end, using=using)
