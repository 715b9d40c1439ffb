"""Unreachable servers: every verb raises one of the storage's `outages`."""

from __future__ import annotations

from uuid import uuid4

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.db import DatabaseStorage
from django_multisession.storage.dynamodb import DynamoDBStorage
from django_multisession.storage.memory import MemoryStorage
from django_multisession.storage.redis import RedisStorage
from support.dynamodb_servers import KEYS
from support.outages import FAST, nowhere
from support.servers import HOST, MariaDB, Postgres, free_port
from support.subjects import BLOCKING_VERBS, make_record

pytestmark = pytest.mark.thorough  # the server matters here, not Python or Django

A, B = "A" * 43, "B" * 43

CALLS = {
    "read": lambda it, record: it.read(A),
    "insert": lambda it, record: it.insert(A, record),
    "update": lambda it, record: it.update(A, Change(references={"org": "7"})),
    "rename": lambda it, record: it.rename(A, B, Change()),
    "delete": lambda it, record: it.delete(A),
    "find": lambda it, record: it.find("user", "1"),
    "delete_matching": lambda it, record: it.delete_matching("user", "1"),
    "page": lambda it, record: it.page(),
    "pages": lambda it, record: list(it.pages()),
    "sample": lambda it, record: it.sample(),
    "count": lambda it, record: it.count(),
    "purge": lambda it, record: it.purge(),
    "clear": lambda it, record: it.clear(),
    "acquire_lease": lambda it, record: it.acquire_lease(A, "ann", record.expires_at),
    "active_leases": lambda it, record: it.active_leases([A]),
}

ONCE = {"retries": {"total_max_attempts": 1}}


def redis(scheme, service=""):
    def make(clock):
        url = f"{scheme}://{HOST}:{free_port()}{service}"
        return RedisStorage(url=url, options=FAST, clock=clock)

    return make


def dynamodb(clock):
    endpoint = {"endpoint_url": f"http://{HOST}:{free_port()}", "region_name": "eu-central-1"}
    return DynamoDBStorage(options={**KEYS, **endpoint, "config": ONCE}, clock=clock)


def sqlite():
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"/nowhere/{uuid4()}/db.sqlite3"}


def server(kind):
    return lambda: kind()._entry(HOST, free_port(), "nobody", "")


DATABASES = {"sqlite": sqlite, "postgres": server(Postgres), "mariadb": server(MariaDB)}
OTHERS = {
    "redis": redis("redis"),
    "sentinel": redis("redis+sentinel", "/sessions"),
    "cluster": redis("redis+cluster"),
    "dynamodb": dynamodb,
}


@pytest.fixture(params=[*DATABASES, *OTHERS])
def absent(request, clock, django_db_blocker, monkeypatch):
    """Return a storage on an unreachable server."""
    if request.param in OTHERS:
        yield OTHERS[request.param](clock)
        return
    entry = DATABASES[request.param]()
    with django_db_blocker.unblock(), nowhere(entry, monkeypatch) as alias:
        yield DatabaseStorage(database=alias, clock=clock)


def test_every_verb_is_called_here():
    assert CALLS.keys() == {*BLOCKING_VERBS} - {"diagnose"}  # which reports an outage as a finding


@pytest.mark.parametrize("verb", CALLS)
def test_what_a_verb_raises_is_an_outage(absent, dialect, clock, verb):
    record = make_record(clock, references={"user": "1"})
    with pytest.raises(absent.outages):
        CALLS[verb](dialect(absent), record)


@pytest.mark.parametrize("storage", [DatabaseStorage, RedisStorage, DynamoDBStorage])
def test_a_mistake_is_none(storage):
    """Code that catches outages must not hide programming errors."""
    mistakes = (AttributeError, KeyError, RuntimeError, TypeError, ValueError)
    assert not any(issubclass(mistake, storage.outages) for mistake in mistakes)


def test_memory_is_always_there():
    assert MemoryStorage.outages == ()
