"""The rules that a project sets for its sessions, as one value. `conf` builds it from settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.sessions.serializers import JSONSerializer

from ..core.codec import Serializer
from ..core.references import Source

Ttl = float | timedelta | Callable[[Any], float | timedelta | None] | None

USER_FIELD = "_auth_user_id"  # the field in which Django's login() keeps the user


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules a session object follows. The README explains the setting behind each of them.

    ``references``: reference name -> session field, or a callable(session fields).
    ``ttl``: seconds or a timedelta of inactivity, or a callable(session) that returns one; None
    leaves it to Django's SESSION_COOKIE_AGE.
    ``absolute_age``: a session ends this long after its creation, whatever its activity.
    ``touch_interval``: time between two writes of "last seen". None: never.
    ``keeps_expired``: an expired session stays until it is pruned.
    ``serializer``: the class that SESSION_SERIALIZER names.
    """

    references: Mapping[str, Source] = field(default_factory=lambda: {"user": USER_FIELD})
    ttl: Ttl = None
    absolute_age: timedelta | None = None
    touch_interval: timedelta | None = timedelta(seconds=60)
    keeps_expired: bool = False
    serializer: Callable[[], Serializer] = JSONSerializer
