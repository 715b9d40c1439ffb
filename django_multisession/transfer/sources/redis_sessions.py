"""django-redis-sessions: one string in Redis for each session."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

from ...core import expiry, keys
from ...core.record import Record
from ..base import Listed, NotListable, Source, record_of

BATCH = 500  # keys a SCAN


class RedisSessionsSource(Source):
    """Sessions of django-redis-sessions, over the connection that its settings describe."""

    def find(self, name: str) -> Record | None:
        """Read Redis directly: the engine's load() takes an outage for an unknown session."""
        store = self.store(name)
        key = store.get_real_stored_key(name)
        pipeline = store.server.pipeline(transaction=False)
        text, milliseconds = pipeline.get(key).pttl(key).execute()
        if text is None:
            return None
        end = expiry.utcnow() + timedelta(milliseconds=milliseconds) if milliseconds > 0 else None
        data = store.decode(_text(text))
        return record_of(data, keys.hash_key(name), expires_at=end)

    def remove(self, name: str) -> bool:
        store = self.store(name)
        return bool(store.server.delete(store.get_real_stored_key(name)))

    def iterate(self) -> Iterator[Listed]:
        server, prefix = self._server()
        for found in server.scan_iter(match=f"{prefix}*", count=BATCH):
            if keys.is_key(name := _text(found).removeprefix(prefix)):
                yield name, partial(self.find, name)

    def count(self) -> int:
        return sum(1 for _ in self.iterate())

    def _server(self) -> tuple[Any, str]:
        """Return the Redis client and the prefix of the keys.

        Raises NotListable if there are several servers: a session's key decides which one has it.
        """
        settings = import_module(f"{self.engine.rpartition('.')[0]}.settings")
        if settings.SESSION_REDIS_POOL:
            raise NotListable(f"The sessions are on several servers ({self.engine}).")
        key = keys.new_key()
        store = self.store(key)
        return store.server, store.get_real_stored_key(key).removesuffix(key)


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
