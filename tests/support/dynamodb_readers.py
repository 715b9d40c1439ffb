"""Sessions that many clients read at once, each recognizable by its id."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django_multisession.storage.dynamodb import DynamoDBStorage
from support.dynamodb_worlds import CLOCK, World, world
from support.subjects import make_record

IDS = [f"{number:02}{'x' * 41}" for number in range(40)]  # more than there are threads for verbs
SEEDS = {id: make_record(CLOCK, label=id, fields={"id": id.encode()}) for id in IDS}


def is_own(id: str, record: Any) -> bool:
    return (record.label, record.fields) == (id, {"id": id.encode()})


def read_often(storage: Any, id: str, times: int = 1) -> None:
    assert all(is_own(id, storage.read(id)) for _ in range(times))


async def aread_often(storage: Any, id: str, times: int = 1) -> None:
    for _ in range(times):
        assert is_own(id, await storage.aread(id))


class Place:
    """A table with the sessions of `SEEDS`. Each storage has a client of its own."""

    def __init__(self, there: World) -> None:
        self.proxy, self.kept = there.proxy, there.kept
        self.table = there.storage(seeds=SEEDS).table.name
        self._released = threading.Event()

    def storage(self, **options: Any) -> DynamoDBStorage:
        """Return a storage behind the proxy."""
        options = {**self.proxy.options, **options}
        return DynamoDBStorage(table=self.table, options=options, clock=CLOCK)

    def delay_reads(self, times: int = 1) -> Callable[[], None]:
        """Delay the next reads until the returned function is called."""
        self._released = released = threading.Event()
        self.proxy.before(lambda: released.wait(60), "GetItem", times=times)
        return released.set

    def clear(self) -> None:
        self._released.set()
        self.proxy.clear()


@contextmanager
def place() -> Iterator[Place]:
    with world("moto") as there:
        yield Place(there)
