"""Whom sessions belong to, as people name them: user objects, primary keys, values of any kind."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model

from .. import conf
from ..core import keys
from ..core.references import as_text


def to_reference(name: str, value: Any) -> tuple[str, str]:
    """As storages know it. Raises ValueError for a name that is not configured, for an object of
    the database, whose text is not its key, and for nothing, which would be everybody's."""
    if name not in conf.references():
        known = ", ".join(map(repr, conf.references())) or "none"
        raise ValueError(f"MULTISESSION_REFERENCES has no {name!r}. It has: {known}.")
    if isinstance(value, Model):
        raise ValueError(f"Reference {name!r} needs the key of {value!r}; of a user: for_user().")
    text = as_text(name, value)
    if text is None:
        raise ValueError(f"Reference {name!r} needs a value, not {value!r}.")
    return name, text


def user_pk(user: Any) -> str:
    """The primary key of a user, or of a user by its primary key, as sessions have it.

    Raises ValueError for nobody: a user who is anonymous or not saved, None, "".
    """
    key = getattr(user, "pk", user)
    is_new = getattr(getattr(user, "_state", None), "adding", False)
    if key is None or key == "" or isinstance(key, bool) or is_new:
        name = type(user).__name__ if is_new else repr(user)
        raise ValueError(f"{name} is nobody: a saved user or a primary key is needed.")
    if not hasattr(user, "_meta"):
        return _converted(key)
    if not hasattr(user, "is_authenticated"):
        raise ValueError(f"{type(user).__name__} {key} is no user.")
    return str(user._meta.pk.value_to_string(user))


def _converted(key: Any) -> str:
    """As Django's login() writes it. What would have to be bent to be a key is none."""
    model = get_user_model()
    field = model._meta.pk
    with suppress(ValidationError, ValueError, TypeError, OverflowError):
        value = field.to_python(key)
        if isinstance(key, str) or value == key or str(value) == str(key):
            return str(field.value_to_string(model(pk=value)))
    kind = type(field).__name__
    raise ValueError(f"{key!r} is no primary key of a user: they are of {kind}.")


def to_handle(keep: Any) -> str | None:
    """Of a session, or what is a handle already. Raises ValueError for anything else, for a key
    above all."""
    handle = getattr(keep, "handle", keep)
    if handle is None or keys.is_handle(handle):
        return handle
    raise ValueError("A session to keep is named by its handle, or given itself: request.session.")


def auth_fields(user: Any) -> dict[str, str]:
    """The fields that make a session one of this user, as Django's login() sets them."""
    if not hasattr(user, "get_session_auth_hash"):
        raise ValueError(f"{user!r} is no user object: sessions are created for these only.")
    backend = getattr(user, "backend", None) or _only_backend()
    return {
        SESSION_KEY: user_pk(user),
        BACKEND_SESSION_KEY: backend,
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }


def _only_backend() -> str:
    backends = conf.django_setting("AUTHENTICATION_BACKENDS")
    if len(backends) != 1:
        raise ValueError("There are several AUTHENTICATION_BACKENDS: set user.backend to one.")
    return str(backends[0])
