"""Did the holder of a session prove lately who it is? Asked before devices are ended (ASVS 5.0,
7.5.2), for a session may be stolen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth import aauthenticate, authenticate
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from .. import conf
from ..core.codec import is_storable
from ..session import SessionStore
from ..sessions import owners

AUTHENTICATED_AT = "_multisession_login_at"  # a field: whole seconds since 1970


def mark_authenticated(session: SessionStore) -> None:
    """Of a session whose holder has just proved it."""
    session.update(_now(session))


def is_recent(session: SessionStore) -> bool:
    """Return whether the user authenticated within MULTISESSION_REAUTHENTICATION_TIMEOUT.

    A session that nobody logged in to with a browser, such as one of sessions.create(), counts from
    its creation. No round trip if the session was read.
    """
    return _is_within(session, session.created_at, session.get(AUTHENTICATED_AT))


async def ais_recent(session: SessionStore) -> bool:
    """See is_recent()."""
    return _is_within(session, await session.acreated_at(), await session.aget(AUTHENTICATED_AT))


@sensitive_variables("password")
def confirm_password(request: HttpRequest, password: str) -> bool:
    """Prove it by the user's password. Then the session gets a new key, as on every login (ASVS
    5.0, 7.2.4). Whatever counts failed logins hears of a wrong one by Django's signal."""
    session: Any = request.session
    user = request.user
    if not is_storable(password):  # nor can it be hashed
        return False
    found = authenticate(request, username=user.get_username(), password=password)
    if found is None or owners.user_pk(found) != owners.user_pk(user):
        return False
    session.update(_now(session))
    session.cycle_key()
    return True


@sensitive_variables("password")
async def aconfirm_password(request: HttpRequest, password: str) -> bool:
    """See confirm_password()."""
    session: Any = request.session
    user = await request.auser()
    if not is_storable(password):
        return False
    found = await aauthenticate(request, username=user.get_username(), password=password)
    if found is None or owners.user_pk(found) != owners.user_pk(user):
        return False
    await session.aupdate(_now(session))
    await session.acycle_key()
    return True


def _now(session: SessionStore) -> dict[str, int]:
    return {AUTHENTICATED_AT: int(session.storage.clock().timestamp())}


def _is_within(session: SessionStore, begun: datetime | None, noted: float | None) -> bool:
    limit, now = conf.reauthentication_timeout(), session.storage.clock().timestamp()
    at = noted or (begun.timestamp() if begun else 0)
    return limit is None or now - at < limit.total_seconds()
