"""A source and a storage that stop at every step, so that a test can force any interleaving."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.db import connections

from django_multisession.core import keys
from django_multisession.core.record import Record
from django_multisession.storage.base import Storage
from django_multisession.transfer import on_demand, tombstones
from django_multisession.transfer.base import Listed, Source

VERBS = (
    "read",
    "insert",
    "rename",
    "delete",
    "delete_matching",
    "clear",
    "active_leases",
    "acquire_lease",
)


def put(monkeypatch: Any, sources: list[Source]) -> None:
    """Replace the sources of MULTISESSION_MIGRATE_FROM."""
    for module in (on_demand, tombstones):
        monkeypatch.setattr(module, "configured", lambda: sources)


class Outage(Exception):
    """The error of a source whose server is down."""


class Steps:
    """A log of the steps taken, and an action that runs once at one of them."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._step, self._call = "", lambda: None

    def at(self, step: str, call: Callable[[], Any]) -> None:
        self._step, self._call = step, call

    @property
    def is_waiting(self) -> bool:
        return bool(self._step)

    def watch(self, owner: Any, name: str, monkeypatch: Any) -> None:
        verb = getattr(owner, name)

        def watched(*args: Any) -> Any:
            self.taken.append(name)
            self._reach(f"before {name}")
            answer = verb(*args)
            self._reach(f"after {name}")
            return answer

        monkeypatch.setattr(owner, name, watched)

    def watch_all(self, source: Source, storage: Storage, monkeypatch: Any) -> None:
        for name in ("find", "remove"):
            self.watch(source, name, monkeypatch)
        for name in VERBS:
            self.watch(storage, name, monkeypatch)

    def _reach(self, step: str) -> None:
        if step == self._step:
            self._step = ""
            self._call()
            if threading.current_thread() is not threading.main_thread():
                connections.close_all()  # the thread that a verb was offloaded to


class FakePreviousEngine(Source):
    """A source in memory, by key.

    Its name is unique, because tombstones contain it and outlive the test. ``broken``: verb -> the
    error that it raises.
    """

    def __init__(self) -> None:
        super().__init__(f"elsewhere-{uuid4()}", object)
        self.records: dict[str, Record] = {}
        self.broken: dict[str, BaseException] = {}

    def keep(self, record: Record) -> str:
        key = keys.new_key()
        self.records[key] = record
        return key

    def find(self, name: str) -> Record | None:
        self._fail("find")
        record = self.records.get(name)
        return record and replace(record)  # a new object each time, as from a server

    def remove(self, name: str) -> bool:
        self._fail("remove")
        return self.records.pop(name, None) is not None

    def iterate(self) -> Iterator[Listed]:
        raise NotImplementedError

    def count(self) -> int:
        return len(self.records)

    def _fail(self, verb: str) -> None:
        if verb in self.broken:
            raise self.broken[verb]
