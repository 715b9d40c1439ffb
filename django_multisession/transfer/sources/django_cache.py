"""Django's cache engine."""

from __future__ import annotations

from typing import Any

from django.core.cache import caches

from ... import conf
from ...core import codec, keys
from ...core.record import Record
from ..base import Source, record_of


class DjangoCacheSource(Source):
    """Sessions in a cache, which can list neither its keys nor their ends."""

    unlistable_reason = "A cache cannot list its sessions"

    def check(self) -> None:
        self._cache  # noqa: B018 - raises if CACHES lacks the alias

    def find(self, name: str) -> Record | None:
        """Read the cache directly: Django's load() takes an outage for an unknown session."""
        data = self._cache.get(self._key(name))
        handle = keys.hash_key(name)
        if data is not None and not isinstance(data, dict):
            codec.logger.warning("The record of session %s is corrupt", handle)
            return None
        return record_of(data or {}, handle)

    def remove(self, name: str) -> bool:
        return bool(self._cache.delete(self._key(name)))

    @property
    def _cache(self) -> Any:
        return caches[conf.django_setting("SESSION_CACHE_ALIAS")]

    def _key(self, name: str) -> str:
        return f"{self.store.cache_key_prefix}{name}"
