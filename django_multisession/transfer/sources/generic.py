"""Any other engine, by the methods that every engine has: load and delete."""

from __future__ import annotations

from ...core import keys
from ...core.record import Record
from ..base import Source, aware, record_of


class GenericSource(Source):
    """Sessions of an engine about which nothing is known.

    If its load() takes an outage for an unknown session, so does this source.
    """

    unlistable_reason = "This engine has no known way to list its sessions"

    def find(self, name: str) -> Record | None:
        store = self.store(name)
        data = dict(store.items())
        if not data or store.session_key != name:
            return None
        end = aware(store.get_expiry_date())
        return record_of(data, keys.hash_key(name), expires_at=end)

    def remove(self, name: str) -> bool:
        store = self.store()
        exists = bool(store.exists(name))
        store.delete(name)
        return exists
