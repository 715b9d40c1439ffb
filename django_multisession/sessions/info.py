"""`SessionInfo`: what one can know of a session without being it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..core.client import device_of
from ..core.fields import Fields
from ..core.record import Record, live
from ..session import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A live session, as it was when it was looked up. Times are in UTC.

    ``handle`` names it and is safe to show: it is useless as a cookie. ``references`` tell whom or
    what it belongs to. Nothing here gives its key away, which nobody but its holder has.
    """

    handle: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    references: Mapping[str, str] = field(hash=False)
    ip: str | None
    user_agent: str
    label: str
    store: type[SessionStore] = field(repr=False, compare=False)

    @classmethod
    def of(cls, store: type[SessionStore], handle: str, record: Record) -> SessionInfo:
        return cls(
            handle=handle,
            created_at=record.created_at,
            last_seen_at=record.last_seen_at,
            expires_at=record.expires_at,
            references=record.references,
            ip=record.ip,
            user_agent=record.user_agent,
            label=record.label,
            store=store,
        )

    @property
    def device(self) -> str:
        """In words, "Firefox on Linux", as far as the user agent tells; else "". It may hold
        whatever the client likes: escape it."""
        return device_of(self.user_agent)

    @property
    def user_id(self) -> str | None:
        """The reference "user": a primary key as text."""
        return self.references.get("user")

    def is_current(self, request: Any) -> bool:
        """Is it the session of this request?"""
        session = getattr(request, "session", None)
        return getattr(session, "handle", None) == self.handle

    def end(self, *, reason: str = "ended") -> bool:
        """False: it had ended already. One round trip."""
        return self.store.end(self.handle, reason)

    end.alters_data = True  # type: ignore[attr-defined]  # templates do not call it

    async def aend(self, *, reason: str = "ended") -> bool:
        """See end()."""
        return await self.store.aend(self.handle, reason)

    aend.alters_data = True  # type: ignore[attr-defined]

    def data(self) -> dict[str, Any]:
        """Its fields, decoded; {} if it has ended since. One round trip. What cannot be decoded is
        left out, and logged."""
        return self._decoded(self.store.storage.read(self.handle))

    async def adata(self) -> dict[str, Any]:
        """See data()."""
        return self._decoded(await self.store.storage.aread(self.handle))

    def _decoded(self, record: Record | None) -> dict[str, Any]:
        record = live(record, self.store.storage.clock())
        if record is None:
            return {}
        return dict(Fields(self.store.policy().serializer, record.fields, self.handle))
