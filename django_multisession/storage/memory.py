"""Sessions in the memory of one process: the storage contract as an executable specification."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from random import sample
from threading import RLock

from ..core.expiry import utcnow
from ..core.record import Change, Record
from .base import Entry, OnDeleted, Storage


class MemoryStorage(Storage):
    """A dictionary and a lock, for tests. Its sessions end with the process.

    Whatever `Storage` leaves open, this class answers: the other storages are tested against it.
    """

    pages_by_activity = True
    shows_expired = True

    def __init__(self, *, clock: Callable[[], datetime] = utcnow) -> None:
        super().__init__(clock=clock)
        self.records: dict[str, Record] = {}
        self.leases: dict[str, tuple[str, datetime]] = {}  # name -> owner, end
        self._lock = RLock()

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        record = self.records.get(id)
        if record is None or names is None:
            return record
        return replace(record, fields={n: v for n, v in record.fields.items() if n in names})

    def insert(self, id: str, record: Record) -> bool:
        with self._lock:
            return self.records.setdefault(id, record) is record

    def update(self, id: str, change: Change) -> bool:
        with self._lock:
            if not self._is_live(id):
                return False
            self.records[id] = change.apply_to(self.records[id])
            return True

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        with self._lock:
            if not self._is_live(old):
                return False
            if new in self.records:
                raise KeyError(f"{new} is taken")
            self.records[new] = change.apply_to(self.records.pop(old))
            return True

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        with self._lock:
            if expired_only and self._is_live(id):
                return None
            record = self.records.pop(id, None)
            return record and record.without_fields()

    def find(self, name: str, value: str) -> Iterator[Entry]:
        for id, record in self._live():
            if record.references.get(name) == value:
                yield id, record.without_fields()

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        with self._lock:
            ids = [id for id, _ in self.find(name, value) if id != keep]
            deleted = [(id, record) for id in ids if (record := self.delete(id))]
        yield from deleted

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        def position(id: str, record: Record) -> str:
            return f"{record.last_seen_at.isoformat(timespec='microseconds')} {id}"

        if after is not None and " " not in after:
            raise ValueError(f"{after!r} is not a cursor of this storage.")
        rows = sorted(((position(*entry), entry) for entry in self._live()), reverse=True)
        rows = [row for row in rows if after is None or row[0] < after]
        entries = [(id, record.without_fields()) for _, (id, record) in rows[:limit]]
        return entries, rows[limit - 1][0] if len(rows) > limit else None

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        live = self._live()
        chosen = sample(live, min(limit, len(live)))
        return [(id, record.without_fields()) for id, record in chosen], len(live)

    def count(self, expired_only: bool = False) -> int:
        with self._lock:
            live = len(self._live())
            return len(self.records) - live if expired_only else live

    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        with self._lock:
            now = self.clock()
            expired = [id for id, record in self.records.items() if not record.is_live(now)]
            deleted = [(id, record) for id in expired[:limit] if (record := self.delete(id))]
        if on_deleted is not None:
            on_deleted(deleted)
        return len(deleted)

    def clear(self) -> int:
        with self._lock:
            count = len(self.records)
            self.records.clear()
            return count

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        with self._lock:
            holder, end = self.leases.get(name, (owner, until))
            if holder != owner and end > self.clock():
                return False
            self.leases[name] = (owner, until)
            return True

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        now, leases = self.clock(), self.leases
        return {n: leases[n][1] for n in names if n in leases and leases[n][1] > now}

    def _is_live(self, id: str) -> bool:
        return id in self.records and self.records[id].is_live(self.clock())

    def _live(self) -> list[Entry]:
        """Return the live records, with their fields."""
        now = self.clock()
        with self._lock:
            return [entry for entry in self.records.items() if entry[1].is_live(now)]
