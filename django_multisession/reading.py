"""The reading half of a session, in both dialects."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from . import keys, signals
from .fields import Fields
from .record import NOTHING, Record
from .signals import Event
from .sources import arrivals
from .state import SessionGone, SessionState


class SessionReader(SessionState):
    """Loads the session, and tells what is stored of it.

    ``created_at``, ``last_seen_at``, ``expires_at`` and ``references`` are those of the stored
    record, which they load if need be; in async code await their twins (``acreated_at()``, ...).
    """

    def load(self) -> Fields:  # type: ignore[override]
        """The stored fields. An unknown or expired key is dropped, and nothing is created."""
        stored = self._stored() if self._may_be_stored else None
        record = self._live(stored)
        if self._is_to_go(stored) and (over := self.storage.delete(self._id, True)):
            self._announce([signals.ended(self._id, over, "expired")])
        return self._settle_load(record)

    async def aload(self) -> Fields:  # type: ignore[override]
        """See load()."""
        stored = await self._astored() if self._may_be_stored else None
        record = self._live(stored)
        if self._is_to_go(stored) and (over := await self.storage.adelete(self._id, True)):
            await self._aannounce([signals.ended(self._id, over, "expired")])
        return self._settle_load(record)

    def reload(self) -> None:
        """Drop what was changed here and read the session again. Raises SessionGone."""
        self._session_cache, self.modified = self.load(), False
        if self._record is None:
            raise SessionGone

    async def areload(self) -> None:
        """See reload()."""
        self._session_cache, self.modified = await self.aload(), False
        if self._record is None:
            raise SessionGone

    def get_fields(self, *names: str) -> dict[str, Any]:
        """Those of these fields that there are. Where nothing was read yet, only they travel."""
        if self._is_loaded or not self.session_key:
            return _chosen(self._session, names)
        return self._picked(self._stored(names), names)

    async def aget_fields(self, *names: str) -> dict[str, Any]:
        """See get_fields()."""
        if self._is_loaded or not self.session_key:
            return _chosen(await self._aget_session(), names)
        return self._picked(await self._astored(names), names)

    def exists(self, session_key: str | None) -> bool:
        if not keys.is_key(session_key):
            return False
        other = type(self)(session_key)
        return other._live(other._stored(())) is not None

    async def aexists(self, session_key: str | None) -> bool:
        if not keys.is_key(session_key):
            return False
        other = type(self)(session_key)
        return other._live(await other._astored(())) is not None

    @property
    def created_at(self) -> datetime | None:
        """UTC; None where nothing is stored. A new key does not change it."""
        known = self._known()
        return known.created_at if known else None

    async def acreated_at(self) -> datetime | None:
        known = await self._aknown()
        return known.created_at if known else None

    @property
    def last_seen_at(self) -> datetime | None:
        """UTC; exact to MULTISESSION_TOUCH_INTERVAL."""
        known = self._known()
        return known.last_seen_at if known else None

    async def alast_seen_at(self) -> datetime | None:
        known = await self._aknown()
        return known.last_seen_at if known else None

    @property
    def expires_at(self) -> datetime | None:
        """UTC; when the session ends unless it is used."""
        known = self._known()
        return known.expires_at if known else None

    async def aexpires_at(self) -> datetime | None:
        known = await self._aknown()
        return known.expires_at if known else None

    @property
    def references(self) -> Mapping[str, str]:
        """Whom or what the session belongs to, as stored: {"user": "42"}."""
        known = self._known()
        return known.references if known else NOTHING

    async def areferences(self) -> Mapping[str, str]:
        known = await self._aknown()
        return known.references if known else NOTHING

    # The steps between plan and settle that several methods share

    def _stored(self, names: Collection[str] | None = None) -> Record | None:
        """What there is under the key: here, or moved here now from where it was before."""
        return self._came(self.storage.read(self._id, names) or self._arrived())

    async def _astored(self, names: Collection[str] | None = None) -> Record | None:
        """See _stored()."""
        return self._came(await self.storage.aread(self._id, names) or await self._aarrived())

    def _arrived(self) -> Record | None:
        return arrivals.fetch(self.storage, self._id, self._offered)

    async def _aarrived(self) -> Record | None:
        """See _arrived()."""
        return await arrivals.afetch(self.storage, self._id, self._offered)

    def _known(self) -> Record | None:
        """Learn what is stored under the key, if that is not known yet."""
        if not self._is_known and self._is_loaded:  # cleared without having been read
            self._settle_known(self._live(self._stored()))
        elif not self._is_known:
            self._session  # noqa: B018 - loads
        return self._record

    async def _aknown(self) -> Record | None:
        """See _known()."""
        if not self._is_known and self._is_loaded:
            self._settle_known(self._live(await self._astored()))
        elif not self._is_known:
            await self._aget_session()
        return self._record

    def _announce(self, events: Iterable[Event]) -> None:
        signals.send(type(self), events)

    async def _aannounce(self, events: Iterable[Event]) -> None:
        await signals.asend(type(self), events)

    def _picked(self, record: Record | None, names: Iterable[str]) -> dict[str, Any]:
        self.accessed = True
        record = self._live(record)
        return _chosen(Fields(self.serializer, record.fields, self.handle), names) if record else {}


def _chosen(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}
