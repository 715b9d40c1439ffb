"""`SessionInfo`: a session as lists and administrators see it."""

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
    """A live session as it was when it was read. Times are aware and in UTC.

    ``handle`` names the session. It is safe to show, because it is useless as a cookie.
    ``references`` say whom or what the session belongs to. The session key is not known here: only
    the client has it.
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
        """The device in words, "Firefox on Linux", or "" if the user agent does not say.

        Escape it: the client chooses the user agent.
        """
        return device_of(self.user_agent)

    @property
    def user_id(self) -> str | None:
        """The primary key of the user as text: the reference "user"."""
        return self.references.get("user")

    def is_current(self, request: Any) -> bool:
        """Return whether this is the session of the request."""
        session = getattr(request, "session", None)
        return getattr(session, "handle", None) == self.handle

    def end(self, *, reason: str = "ended") -> bool:
        """End the session. Return False if it had ended already.

        One round trip, and one more if there are previous engines.
        """
        return self.store.end(self.handle, reason)

    end.alters_data = True  # type: ignore[attr-defined]  # templates do not call it

    async def aend(self, *, reason: str = "ended") -> bool:
        """See end()."""
        return await self.store.aend(self.handle, reason)

    aend.alters_data = True  # type: ignore[attr-defined]

    def data(self) -> dict[str, Any]:
        """Return the session's fields, decoded, or {} if it has ended since. One round trip.

        A field that cannot be decoded is left out and logged.
        """
        return self._decoded(self.store.storage.read(self.handle))

    async def adata(self) -> dict[str, Any]:
        """See data()."""
        return self._decoded(await self.store.storage.aread(self.handle))

    def _decoded(self, record: Record | None) -> dict[str, Any]:
        record = live(record, self.store.storage.clock())
        if record is None:
            return {}
        return dict(Fields(self.store.policy().serializer, record.fields, self.handle))
