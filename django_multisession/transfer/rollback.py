"""The way back: what makes an engine of Django's take in our sessions."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from django.contrib.sessions.backends.base import CreateError, SessionBase

from .. import conf
from ..core import keys
from ..core.fields import Fields
from ..core.record import Record
from . import on_demand
from .base import Source

previous_engines = on_demand.ConfiguredEngines()

LOOKS = 50  # at what another request is just storing: Django's file engine begins with nothing
PAUSE = 0.01  # seconds


class RollbackMixin(SessionBase):
    """To be put before an engine of Django's. A session that this one does not know is looked for
    in MULTISESSION_MIGRATE_FROM, and moved. Its key stays, and its data; whom it belongs to, its
    address and its device nobody knows any more.

    One read for each source, at most; two round trips and what the engine takes to store it. One
    more for each source when a session ends: this engine cannot note that it must not come.
    """

    def load(self) -> Any:
        offered, data = self.session_key, super().load()
        if data or not keys.is_key(offered) or on_demand.is_unknown(keys.hash_key(offered)):
            return data
        if found := on_demand.locate(offered):
            return self._take(offered, *found)
        self._session_key = offered
        return self._noted(offered, super().load())  # another request may have moved it just now

    async def aload(self) -> Any:
        """See load()."""
        offered, data = self.session_key, await super().aload()
        if data or not keys.is_key(offered) or on_demand.is_unknown(keys.hash_key(offered)):
            return data
        if found := await on_demand.alocate(offered):
            return await self._atake(offered, *found)
        self._session_key = offered
        return self._noted(offered, await super().aload())

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        super().delete(session_key)
        if keys.is_key(key):
            previous_engines.delete(keys.hash_key(key), key)

    async def adelete(self, session_key: str | None = None) -> None:
        """See delete()."""
        key = session_key or self.session_key
        await super().adelete(session_key)
        if keys.is_key(key):
            await previous_engines.adelete(keys.hash_key(key), key)

    def _take(self, key: str, source: Source, record: Record) -> Any:
        self._session_key, self._session_cache = key, _decoded(key, record)
        try:
            self.save(must_create=True)
        except CreateError:  # another request was first
            return self._awaited()
        if (
            on_demand.delete_at_source(source, key, keys.hash_key(key)) is False
        ):  # moved before, ended since
            super().delete(key)
            self._session_key, self._session_cache = None, {}
        return self._session_cache

    async def _atake(self, key: str, source: Source, record: Record) -> Any:
        """See _take()."""
        self._session_key, self._session_cache = key, _decoded(key, record)
        try:
            await self.asave(must_create=True)
        except CreateError:
            return await self._aawaited()
        if await on_demand.adelete_at_source(source, key, keys.hash_key(key)) is False:
            await super().adelete(key)
            self._session_key, self._session_cache = None, {}
        return self._session_cache

    def _awaited(self) -> Any:
        for _ in range(LOOKS):
            data = super().load()
            if data or self.session_key is None:
                break
            time.sleep(PAUSE)
        return data

    async def _aawaited(self) -> Any:
        """See _awaited()."""
        for _ in range(LOOKS):
            data = await super().aload()
            if data or self.session_key is None:
                break
            await asyncio.sleep(PAUSE)
        return data

    def _noted(self, key: str, data: Any) -> Any:
        if not data:
            on_demand.remember_unknown(keys.hash_key(key))
        return data


def _decoded(key: str, record: Record) -> dict[str, Any]:
    serializer = conf.serializer()
    return dict(Fields(serializer, record.fields, keys.hash_key(key)))
