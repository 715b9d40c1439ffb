"""The contract of a source: another engine, whose sessions are moved into this one.

A session is named by its key, as a cookie has it. A source that stores no keys accepts handles too,
and `iterate` yields handles. An outage raises and never looks like an unknown session.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from asgiref.sync import sync_to_async
from django.utils.timezone import get_default_timezone

from .. import conf
from ..core import expiry, keys, references
from ..core.client import clean_ip, clean_user_agent
from ..core.fields import Fields
from ..core.record import Record

Listed = tuple[str, Callable[[], Record | None]]  # a session's name, and a function that reads it


class NotListable(ValueError):
    """The engine cannot list its sessions."""


class CannotMove(ValueError):
    """A field of the session cannot be stored in this engine. The session stays where it is."""


class Source(ABC):
    """The sessions of another engine.

    The async twins run in the thread that holds Django's database connections, unless a source
    overrides them.
    """

    # Why can it not list its sessions, if it cannot?
    unlistable_reason: ClassVar[str] = ""
    # Can it delete a session? A client may keep a copy of a cookie that holds its session.
    removes: ClassVar[bool] = True

    def __init__(self, engine: str, store: type[Any]) -> None:
        """Keep the engine's dotted path and its ``SessionStore`` class."""
        self.engine, self.store = engine, store

    def check(self) -> None:  # noqa: B027 - most need nothing
        """Raise an exception that names what the engine lacks. No I/O."""

    def may_have(self, offered: str) -> bool:
        """Return whether a client that sends this text may have a session in the engine. No I/O.

        The answer to a handle is False, since handles are public.
        """
        return keys.is_key(offered)

    @abstractmethod
    def find(self, name: str) -> Record | None:
        """Return the live session as this engine will store it, or None. At most one read.

        Raises CannotMove if a field cannot be stored.
        """

    @abstractmethod
    def remove(self, name: str) -> bool:
        """Delete the session. Return False if it was gone already. One round trip."""

    def iterate(self) -> Iterator[Listed]:
        """Yield all live sessions, read in batches. Removing sessions meanwhile does no harm.

        Raises NotListable if the engine cannot list its sessions.
        """
        raise NotListable(f"{self.unlistable_reason} ({self.engine}).")

    def count(self) -> int:
        """Return about how many sessions iterate() will yield. Raises NotListable."""
        raise NotListable(f"{self.unlistable_reason} ({self.engine}).")

    async def afind(self, name: str) -> Record | None:
        return await sync_to_async(self.find)(name)

    async def aremove(self, name: str) -> bool:
        return await sync_to_async(self.remove)(name)


def record_of(
    data: Mapping[str, Any],
    handle: str,
    *,
    seen_at: datetime | None = None,
    created_at: datetime | None = None,
    expires_at: datetime | None = None,
    ip: str | None = None,
    user_agent: str | None = None,
) -> Record | None:
    """Return the record of a session whose engine keeps a dict. None: it is empty or has expired.

    Times that the engine does not store are derived from the others: the session was last seen its
    idle age before its end, or just now, and was created when it was last seen.
    """
    now = expiry.utcnow()
    end = expires_at or _idle_end(data, seen_at or now)
    seen_at = min(seen_at or end - (_idle_end(data, now) - now), now)
    created_at = min(created_at or seen_at, seen_at)
    end = expiry.capped(end, created_at, conf.absolute_age())
    if not data or end <= now:
        return None
    fields = _fields(data, handle)
    return Record(
        fields=fields.encoded(),
        created_at=created_at,
        last_seen_at=seen_at,
        expires_at=end,
        references=references.resolve(fields, conf.references()),
        ip=clean_ip(ip),
        user_agent=clean_user_agent(user_agent or ""),
    )


def aware(moment: datetime) -> datetime:
    """Convert to UTC. A naive time is local time, as in Django with USE_TZ off."""
    zone = moment.tzinfo or get_default_timezone()
    return moment.replace(tzinfo=zone).astimezone(expiry.UTC)


def _idle_end(data: Mapping[str, Any], now: datetime) -> datetime:
    age = conf.django_setting("SESSION_COOKIE_AGE")
    try:
        return expiry.idle_end(data.get(expiry.CUSTOM), age, now)
    except (TypeError, ValueError):  # not written by Django's set_expiry()
        return expiry.idle_end(None, age, now)


def _fields(data: Mapping[str, Any], handle: str) -> Fields:
    fields = Fields(conf.serializer(), handle=handle)
    for name, value in data.items():
        try:
            fields[name] = value
            fields.encode(fields.text(name))
        except Exception as error:  # a serializer may raise anything
            raise CannotMove(
                f"Field {name!r} of session {handle} cannot be stored in this engine: {error} Set "
                "SESSION_SERIALIZER to one that can encode it, or remove the field in the previous "
                "engine."
            ) from error
    return fields
