"""What every source promises: another engine, whose sessions are moved into ours.

A session is named by its key, as a cookie has it; where a source knows no keys, by its handle,
which is all that `each` gives then. An outage raises, and never looks like an unknown session.
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

Listed = tuple[str, Callable[[], Record | None]]  # a name, and what reads its session


class NotListable(ValueError):
    """The engine cannot tell which sessions it has."""


class CannotMove(ValueError):
    """A session holds something that cannot be stored here. It stays where it is."""


class Source(ABC):
    """Sessions of another engine. Async twins run in the thread of Django's connections, unless a
    source says otherwise."""

    # Why can it not tell which sessions it has, if it cannot?
    unlistable_reason: ClassVar[str] = ""
    # Can it delete a session? A cookie is the client's, who may keep it.
    removes: ClassVar[bool] = True

    def __init__(self, engine: str, store: type[Any]) -> None:
        """``store``: the engine's ``SessionStore``."""
        self.engine, self.store = engine, store

    def check(self) -> None:  # noqa: B027 - most need nothing
        """Raises something that says what it lacks. Asks nobody."""

    def may_have(self, offered: str) -> bool:
        """Could a client who offers this have a session here? Asks nobody. With a handle nobody
        has: those are public."""
        return keys.is_key(offered)

    @abstractmethod
    def find(self, name: str) -> Record | None:
        """The live session, as it will be stored here. At most one read.

        Raises CannotMove where it holds something that cannot be.
        """

    @abstractmethod
    def remove(self, name: str) -> bool:
        """Delete it. False: it was gone already."""

    def iterate(self) -> Iterator[Listed]:
        """All live sessions, some at a time. Those that are removed meanwhile do no harm.

        Raises NotListable, unless the source knows how.
        """
        raise NotListable(f"{self.unlistable_reason} ({self.engine}).")

    def count(self) -> int:
        """How many `each` will give, about. Raises NotListable, too."""
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
    """The record of a session whose engine keeps a dict. None: there is nothing in it, or it is
    over.

    What the engine does not know follows from the rest: it was seen its idle age before its end,
    or just now, and has been there since then.
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
    """In UTC; a naive one is in local time, as Django has it with USE_TZ off."""
    zone = moment.tzinfo or get_default_timezone()
    return moment.replace(tzinfo=zone).astimezone(expiry.UTC)


def _idle_end(data: Mapping[str, Any], now: datetime) -> datetime:
    age = conf.django_setting("SESSION_COOKIE_AGE")
    try:
        return expiry.idle_end(data.get(expiry.CUSTOM), age, now)
    except (TypeError, ValueError):  # what is no time, another hand left
        return expiry.idle_end(None, age, now)


def _fields(data: Mapping[str, Any], handle: str) -> Fields:
    fields = Fields(conf.serializer(), handle=handle)
    for name, value in data.items():
        try:
            fields[name] = value
            fields.encode(fields.text(name))
        except Exception as error:  # serializers raise what they like
            raise CannotMove(
                f"Field {name!r} of session {handle} cannot be stored here: {error} Have "
                "SESSION_SERIALIZER name one that can take it, or drop the field there."
            ) from error
    return fields
