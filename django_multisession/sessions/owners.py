"""The owners of sessions, as code names them: user objects, primary keys, any values."""

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
    """Return a reference as storages know it: name and value, both text.

    Raises ValueError for a name that is not configured, for a model instance (its text is not its
    primary key), and for an empty value, which would mean everybody's sessions.
    """
    if name not in conf.references():
        known = ", ".join(map(repr, conf.references())) or "none"
        raise ValueError(f"MULTISESSION_REFERENCES has no {name!r}. It has: {known}.")
    if isinstance(value, Model):
        raise ValueError(
            f"Reference {name!r} needs the primary key of {value!r}. For a user call for_user()."
        )
    text = as_text(name, value)
    if text is None:
        raise ValueError(f"Reference {name!r} needs a value, not {value!r}.")
    return name, text


def user_pk(user: Any) -> str:
    """Return the primary key of a user object, or a given primary key, in the form sessions keep.

    Raises ValueError for an anonymous or unsaved user, None and "".
    """
    key = getattr(user, "pk", user)
    is_new = getattr(getattr(user, "_state", None), "adding", False)
    if key is None or key == "" or isinstance(key, bool) or is_new:
        name = type(user).__name__ if is_new else repr(user)
        raise ValueError(f"{name} is not a saved user, nor the primary key of one.")
    if not hasattr(user, "_meta"):
        return _pk_to_text(key)
    if not hasattr(user, "is_authenticated"):
        raise ValueError(f"{type(user).__name__} {key} is not a user.")
    return str(user._meta.pk.value_to_string(user))


def _pk_to_text(key: Any) -> str:
    """Convert to the primary key's text form; reject lossy conversions."""
    model = get_user_model()
    field = model._meta.pk
    with suppress(ValidationError, ValueError, TypeError, OverflowError):
        value = field.to_python(key)
        if isinstance(key, str) or value == key or str(value) == str(key):
            return str(field.value_to_string(model(pk=value)))
    kind = type(field).__name__
    raise ValueError(f"{key!r} is not a primary key of a user, which is a {kind}.")


def to_handle(session: Any) -> str | None:
    """Return the handle of a session object, or a given handle. None stays None.

    Raises ValueError for anything else, and above all for a session key.
    """
    handle = getattr(session, "handle", session)
    if handle is None or keys.is_handle(handle):
        return handle
    raise ValueError("Give the session to keep as request.session, or by its handle.")


def auth_fields(user: Any) -> dict[str, str]:
    """Return the fields that log a user in to a session, as Django's login() sets them.

    Raises ValueError for anything but a saved user object, and if it is not clear which of several
    AUTHENTICATION_BACKENDS the user comes from.
    """
    if not hasattr(user, "get_session_auth_hash"):
        raise ValueError(f"{user!r} is not a user object, which is needed to create a session.")
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
