"""The doctor on a storage: what it finds there, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_multisession.core.expiry import utcnow
from django_multisession.core.record import Change, Record
from django_multisession.maintenance.integrity import Report, check
from django_multisession.storage.base import Finding, Storage
from support.project import install

# What it cannot but find on the servers of `subjects`, which are as they come.
DESERVED = {
    "DatabaseStorage": {"vacuum"},  # of a PostgreSQL that others have configured
    "RedisStorage": {"persistence", "memory"},
    "DynamoDBStorage": {"ttl"},
}
# What it tries, in this order.
VERBS = ["insert", "read", "update", "touch", "find", "rename", "read the old id"]
VERBS += [
    "read the new id",
    "find again",
    "page",
    "delete",
    "read nothing",
    "acquire_lease",
    "give back",
]
REFERENCES = {"user": "_auth_user_id", "org": "org_id"}


def opened(storage: Storage, settings: Any, monkeypatch: Any) -> Storage:
    """The engine in use, with the time as it is: servers have no other."""
    settings.MULTISESSION_REFERENCES = REFERENCES
    storage.clock = utcnow
    install(storage, settings, monkeypatch)
    return storage


def report(storage: Storage, **options: Any) -> tuple[Report, list[Finding]]:
    """And its findings, but for those that the server deserves anyway."""
    told = check(**options)
    known = DESERVED.get(type(storage).__name__, set())
    return told, [finding for finding in told.findings if finding.name not in known]


def found(storage: Storage, **options: Any) -> list[str]:
    return [finding.name for finding in report(storage, **options)[1]]


class Watched:
    """Which sessions, references and leases there were while it was watched."""

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
        """Empty, where it was cleaned up."""
        kept = {
            "sessions": [id for id in self.ids if self.storage.read(id) is not None],
            "listed": [item for item in self.references if list(self.storage.find(*item))],
            "leases": self.storage.active_leases(sorted(self.leases)),
        }
        return {what: these for what, these in kept.items() if these}
