"""Recent authentication, required before devices are signed out (ASVS 5.0, 7.5.2).

Whoever stole a session must not be able to sign out its owner.
"""

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

AUTHENTICATED_AT = "_multisession_login_at"  # a session field: whole seconds since 1970


def mark_authenticated(session: SessionStore) -> None:
    """Store in the session that its user authenticated just now."""
    session.update(_now(session))


def is_recent(session: SessionStore) -> bool:
    """Return whether the user authenticated within MULTISESSION_REAUTHENTICATION_TIMEOUT.

    For a session without a login, such as one of sessions.create(), its creation counts. No
    round trip if the session was read.
    """
    return _is_within(session, session.created_at, session.get(AUTHENTICATED_AT))


async def ais_recent(session: SessionStore) -> bool:
    """See is_recent()."""
    return _is_within(session, await session.acreated_at(), await session.aget(AUTHENTICATED_AT))


@sensitive_variables("password")
def confirm_password(request: HttpRequest, password: str) -> bool:
    """Return whether this is the user's password; if so, mark the session as authenticated.

    Then the session also gets a new key, as on every login (ASVS 5.0, 7.2.4). A wrong password
    sends Django's user_login_failed, so that packages that count failed logins count it.
    """
    session: Any = request.session
    user = request.user
    if not is_storable(password):  # lone surrogates, for example, cannot be hashed
        return False
    authenticated = authenticate(request, username=user.get_username(), password=password)
    if authenticated is None or owners.user_pk(authenticated) != owners.user_pk(user):
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
    authenticated = await aauthenticate(request, username=user.get_username(), password=password)
    if authenticated is None or owners.user_pk(authenticated) != owners.user_pk(user):
        return False
    await session.aupdate(_now(session))
    await session.acycle_key()
    return True


def _now(session: SessionStore) -> dict[str, int]:
    """Return the session field that says that its user authenticated just now."""
    return {AUTHENTICATED_AT: int(session.storage.clock().timestamp())}


def _is_within(
    session: SessionStore, created_at: datetime | None, authenticated_at: float | None
) -> bool:
    """Return whether less than MULTISESSION_REAUTHENTICATION_TIMEOUT has passed since."""
    timeout, now = conf.reauthentication_timeout(), session.storage.clock().timestamp()
    since = authenticated_at or (created_at.timestamp() if created_at else 0)
    return timeout is None or now - since < timeout.total_seconds()
