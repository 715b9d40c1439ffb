"""Helpers that check a storage: what is found, and what is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_multisession.core.expiry import utcnow
from django_multisession.core.record import Change, Record
from django_multisession.maintenance.integrity import Report, check
from django_multisession.storage.base import Finding, Storage
from support.project import install

# Findings on the servers of `subjects`, which run with default settings.
EXPECTED = {
    "DatabaseStorage": {"vacuum"},  # a PostgreSQL that others have configured
    "RedisStorage": {"persistence", "memory"},
    "DynamoDBStorage": {"ttl"},
}
# The steps of the self-test, in order.
VERBS = ["insert", "read", "update", "touch", "find", "rename", "read old id"]
VERBS += [
    "read new id",
    "find new id",
    "page",
    "delete",
    "read deleted id",
    "acquire lease",
    "release lease",
]
REFERENCES = {"user": "_auth_user_id", "org": "org_id"}


def opened(storage: Storage, settings: Any, monkeypatch: Any) -> Storage:
    """Configure a storage as the engine, with the real clock, which servers use as well."""
    settings.MULTISESSION_REFERENCES = REFERENCES
    storage.clock = utcnow
    install(storage, settings, monkeypatch)
    return storage


def report(storage: Storage, **options: Any) -> tuple[Report, list[Finding]]:
    """Run the check. Return the report, and the findings except the EXPECTED ones."""
    result = check(**options)
    known = EXPECTED.get(type(storage).__name__, set())
    return result, [finding for finding in result.findings if finding.name not in known]


def found(storage: Storage, **options: Any) -> list[str]:
    return [finding.name for finding in report(storage, **options)[1]]


class Watched:
    """A recorder of the sessions, references and leases that a storage is given."""

    def __init__(self, storage: Storage, monkeypatch: Any) -> None:
        self.storage = storage
        self.ids: set[str] = set()
        self.leases: set[str] = set()
        self.references: set[tuple[str, str]] = set()
        for verb in ("insert", "rename", "acquire_lease"):
            monkeypatch.setattr(storage, verb, getattr(self, verb)(getattr(storage, verb)))

    def insert(self, verb: Callable[..., bool]) -> Callable[..., bool]:
        def insert(id: str, record: Record) -> bool:
            self.ids.add(id)
            self.references |= {*record.references.items()}
            return verb(id, record)

        return insert

    def rename(self, verb: Callable[..., bool]) -> Callable[..., bool]:
        def rename(old: str, new: str, change: Change, known: Record | None = None) -> bool:
            self.ids |= {old, new}
            return verb(old, new, change, known)

        return rename

    def acquire_lease(self, verb: Callable[..., bool]) -> Callable[..., bool]:
        def acquire_lease(name: str, *args: Any) -> bool:
            self.leases.add(name)
            return verb(name, *args)

        return acquire_lease

    def left(self) -> dict[str, Any]:
        """Return what is left of them, which is empty after a cleanup."""
        kept = {
            "sessions": [id for id in self.ids if self.storage.read(id) is not None],
            "listed": [item for item in self.references if list(self.storage.find(*item))],
            "leases": self.storage.active_leases(sorted(self.leases)),
        }
        return {what: these for what, these in kept.items() if these}
