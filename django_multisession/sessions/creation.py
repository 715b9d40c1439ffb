"""Create sessions for scripts, services and devices that have no browser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.http import HttpRequest

from ..client import client_of
from ..core.record import checked_label
from ..engine import store
from ..session import SessionStore
from . import owners


def create(
    user: Any = None,
    *,
    label: str = "",
    data: Mapping[str, Any] | None = None,
    expires_in: float | timedelta | None = None,
    request: HttpRequest | None = None,
) -> SessionStore:
    """Create and store a session. Its ``session_key`` is the token, which is known only here.

    ``user``: the user object to log in. ``label``: the name shown in lists, up to 100 characters.
    ``data``: further session fields. ``expires_in``: seconds or a timedelta after which the session
    ends even if it is used; None gives it the usual lifetime. ``request``: its client's IP address
    and user agent are stored. Raises ValueError. One round trip.
    """
    session = _new(user, label, data, expires_in, request)
    session.save()
    return session


async def acreate(
    user: Any = None,
    *,
    label: str = "",
    data: Mapping[str, Any] | None = None,
    expires_in: float | timedelta | None = None,
    request: HttpRequest | None = None,
) -> SessionStore:
    """See create()."""
    session = _new(user, label, data, expires_in, request)
    await session.asave()
    return session


def _new(
    user: Any,
    label: str,
    data: Mapping[str, Any] | None,
    expires_in: float | timedelta | None,
    request: HttpRequest | None,
) -> SessionStore:
    session = store()()
    session.update({**(data or {}), **(owners.auth_fields(user) if user is not None else {})})
    session.label = checked_label(label)
    if request is not None:
        session.describe_client = partial(client_of, request)
    if expires_in is not None:
        if not isinstance(expires_in, timedelta):
            expires_in = timedelta(seconds=expires_in)
        session.set_expiry(store().storage.clock() + expires_in)
    return session
