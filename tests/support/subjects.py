"""The storages under test: each is built by its constructor, on a server that the tests use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils.asyncio import async_unsafe

from django_multisession.core.record import Record
from django_multisession.models import SessionLease
from django_multisession.storage.base import Storage
from django_multisession.storage.memory import MemoryStorage
from support import databases, dynamodb_servers, redis_servers, servers

BLOCKING_VERBS = [name for name in vars(Storage) if f"a{name}" in vars(Storage)]


class Clock:
    """A clock that stands still until `advance`. The storage and the policy both read it."""

    def __init__(self) -> None:
        self.now = datetime.now(timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@cache
def guarded(storage: type[Storage]) -> type[Storage]:
    """Return a subclass whose blocking verbs fail in a running event loop, as Django's ORM does."""
    verbs = {name: async_unsafe(getattr(storage, name)) for name in BLOCKING_VERBS}
    return type(storage.__name__, (storage,), verbs)


def memory(clock: Clock) -> Storage:
    return guarded(MemoryStorage)(clock=clock)


def database(alias: str) -> Callable[[Clock], Storage]:
    def make(clock: Clock) -> Storage:
        from django_multisession.storage.db import DatabaseStorage

        return DatabaseStorage(database=databases.require(alias), clock=clock)

    return make


def mysql(clock: Clock) -> Storage:
    """Return a storage on MariaDB with the SQL for MySQL, which has no DELETE ... RETURNING."""
    from django_multisession.storage.db.dialects import MySQL
    from django_multisession.storage.db.statements import Statements

    storage = database("mariadb")(clock)
    statements = Statements(connections["mariadb"])
    statements.dialect = MySQL()
    storage.statements["mariadb"] = statements
    return storage


def redis(server: redis_servers.Lazily, *, by_alias: bool = False) -> Callable[[Clock], Storage]:
    """Return a constructor of storages, each with its own prefix: nothing has to be cleared."""

    def make(clock: Clock) -> Storage:
        from django_multisession.storage.redis import RedisStorage

        url = server.url
        place = {"alias": "sessions"} if by_alias else {"url": url}
        return guarded(RedisStorage)(**place, prefix=f"test-{uuid4()}", clock=clock)

    return make


def dynamodb(server: dynamodb_servers.LazyNode) -> Callable[[Clock], Storage]:
    """Return a constructor of storages, each with a table of its own.

    They share one client: creating one takes 50 ms.
    """
    processes: list[Any] = []

    def make(clock: Clock) -> Storage:
        from django_multisession.storage.dynamodb import DynamoDBStorage
        from django_multisession.storage.dynamodb.table_spec import TableSpec, request

        table = f"test-{uuid4()}"
        storage = guarded(DynamoDBStorage)(table=table, options=server.options, clock=clock)
        storage.connection.current_pool = processes[0] if processes else None
        storage.connection.call("create_table", request(table, TableSpec()))
        servers.wait_until(lambda: is_active(storage, table), "table")
        processes[:] = [storage.connection.pool]
        return storage

    return make


def is_active(storage: Any, table: str) -> bool:
    description = storage.connection.call("describe_table", {"TableName": table})
    return description["Table"]["TableStatus"] == "ACTIVE"


# Name -> constructor. `test_storage` asserts that no storage is missing.
STORAGES: dict[str, Callable[[Clock], Storage]] = {
    "memory": memory,
    "sqlite": database("default"),
    "postgres": database("postgres"),
    "prepared": database("prepared"),
    "mariadb": database("mariadb"),
    "mysql": mysql,
    "redis": redis(redis_servers.ALONE),
    "alias": redis(redis_servers.ALONE, by_alias=True),
    "sentinel": redis(redis_servers.SENTINEL),
    "cluster": redis(redis_servers.CLUSTER),
    "dynamodb": dynamodb(dynamodb_servers.MOTO),
    "dynalite": dynamodb(dynamodb_servers.DYNALITE),  # and whoever knows no transactions
}
DATABASES = {"sqlite", "postgres", "prepared", "mariadb", "mysql"}
SAME = {"alias", "sentinel"}  # once connected, the same as "redis"
# The same as another storage for its callers, which the tests of storages assert.
ALIKE = {*SAME, "prepared", "dynalite"}
# With these, parameters are marked thorough: their results hardly depend on versions.
THOROUGH = {*ALIKE, "mysql", "cluster", "dynamodb"}


EVERY = [pytest.param(k, marks=[pytest.mark.thorough] * (k in THOROUGH)) for k in STORAGES]


def build(kind: str, clock: Clock, request: pytest.FixtureRequest) -> Iterator[Storage]:
    """Build a storage for a fixture, with its database, and empty it after the test."""
    if kind in DATABASES:
        request.getfixturevalue("databases")
    storage = STORAGES[kind](clock)
    yield storage
    if kind in DATABASES:
        storage.clear()
        SessionLease.objects.using(storage.database or "default").all().delete()


def all_but(*kinds: str) -> list[Any]:
    return [each for each in EVERY if each.values[0] not in kinds]


def is_native(storage: Storage) -> bool:
    """Return whether the storage has native async verbs, which do not run in threads."""
    return type(storage).aread is not Storage.aread


def empty(storage: Storage) -> None:
    """Empty the storage. Redis gets another prefix: clear() would read 4096 buckets."""
    if is_native(storage):
        from django_multisession.storage.redis.commands import CommandBuilder
        from django_multisession.storage.redis.keys import KeyBuilder

        is_cluster = storage.topology.is_cluster
        storage.keys = KeyBuilder(f"test-{uuid4()}")
        storage.commands = CommandBuilder(storage.keys, is_cluster=is_cluster)
    else:
        storage.clear()


def make_record(clock: Clock, **facts: Any) -> Record:
    times = {
        "created_at": clock.now,
        "last_seen_at": clock.now,
        "expires_at": clock.now + timedelta(days=14),
    }
    return Record(**(times | facts))
