"""Any other engine, by what every engine has: load and delete."""

from __future__ import annotations

from .. import keys
from ..record import Record
from .base import Source, aware, record_of


class Other(Source):
    """Takes its word for what is unknown, outages included, if it has it so."""

    why_unlisted = "Nothing is known of how this engine lists sessions"

    def find(self, name: str) -> Record | None:
        store = self.store(name)
        data = dict(store.items())
        if not data or store.session_key != name:
            return None
        end = aware(store.get_expiry_date())
        return record_of(data, keys.handle_of(name), expires_at=end)

    def remove(self, name: str) -> bool:
        store = self.store()
        is_there = bool(store.exists(name))
        store.delete(name)
        return is_there
