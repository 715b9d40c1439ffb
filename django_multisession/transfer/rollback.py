"""The way back: let an engine of Django take over sessions of this package."""

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

READS = 50  # of a session that another request is storing: Django's file engine begins empty
PAUSE = 0.01  # seconds between two of them


class RollbackMixin(SessionBase):
    """A mixin for an engine of Django: it moves unknown sessions from MULTISESSION_MIGRATE_FROM.

    The session keeps its key and its data. Its references, IP address, user agent and label are
    lost, because Django's engines do not store them.

    Cost: at most one read for each previous engine, two round trips, and what the engine takes to
    store a session. Ending a session takes one more for each previous engine, since Django's
    engines cannot store tombstones.
    """

    def load(self) -> Any:
        offered, data = self.session_key, super().load()
        if data or not keys.is_key(offered) or on_demand.is_unknown(keys.hash_key(offered)):
            return data
        if found := on_demand.locate(offered):
            return self._import(offered, *found)
        self._session_key = offered
        # Another request may have moved it just now.
        return self._remember_if_unknown(offered, super().load())

    async def aload(self) -> Any:
        """See load()."""
        offered, data = self.session_key, await super().aload()
        if data or not keys.is_key(offered) or on_demand.is_unknown(keys.hash_key(offered)):
            return data
        if found := await on_demand.alocate(offered):
            return await self._aimport(offered, *found)
        self._session_key = offered
        return self._remember_if_unknown(offered, await super().aload())

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

    def _import(self, key: str, source: Source, record: Record) -> Any:
        self._session_key, self._session_cache = key, _decoded(key, record)
        try:
            self.save(must_create=True)
        except CreateError:  # another request was first
            return self._wait_for_other()
        # If the source does not have it any more, it was moved before, and may have ended since.
        if on_demand.delete_at_source(source, key, keys.hash_key(key)) is False:
            super().delete(key)
            self._session_key, self._session_cache = None, {}
        return self._session_cache

    async def _aimport(self, key: str, source: Source, record: Record) -> Any:
        """See _import()."""
        self._session_key, self._session_cache = key, _decoded(key, record)
        try:
            await self.asave(must_create=True)
        except CreateError:
            return await self._await_for_other()
        if await on_demand.adelete_at_source(source, key, keys.hash_key(key)) is False:
            await super().adelete(key)
            self._session_key, self._session_cache = None, {}
        return self._session_cache

    def _wait_for_other(self) -> Any:
        for _ in range(READS):
            data = super().load()
            if data or self.session_key is None:
                break
            time.sleep(PAUSE)
        return data

    async def _await_for_other(self) -> Any:
        """See _wait_for_other()."""
        for _ in range(READS):
            data = await super().aload()
            if data or self.session_key is None:
                break
            await asyncio.sleep(PAUSE)
        return data

    def _remember_if_unknown(self, key: str, data: Any) -> Any:
        if not data:
            on_demand.remember_unknown(keys.hash_key(key))
        return data


def _decoded(key: str, record: Record) -> dict[str, Any]:
    serializer = conf.serializer()
    return dict(Fields(serializer, record.fields, keys.hash_key(key)))
