"""The subjects of the tests: every storage, built by its constructor, in both dialects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import setup_databases, teardown_databases
from django.utils.asyncio import async_unsafe

import redis_servers
import servers
from dialects import DIALECTS
from django_multisession import keys
from django_multisession.backends import memory as memory_backend
from django_multisession.record import Record
from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage
from django_multisession.storage.memory import MemoryStorage
from loops import lasting

BLOCKING_VERBS = [name for name in vars(Storage) if f"a{name}" in vars(Storage)]


def pytest_configure(config: pytest.Config) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    databases = settings.DATABASES
    databases.update(servers.databases())
    if "postgres" in databases:
        databases["prepared"] = prepared(databases["postgres"])
    cache = "django_redis.cache.RedisCache"
    settings.CACHES["sessions"] = {"BACKEND": cache, "LOCATION": redis_servers.ALONE.server.url}
    # A file, because threads see one in-memory database through one lock only.
    databases["default"]["TEST"] = {"NAME": config.cache.mkdir("sqlite") / "test.sqlite3"}
    connections.__dict__.pop("settings", None)  # Django may have read them before


def prepared(database: dict[str, Any]) -> dict[str, Any]:
    """The same PostgreSQL, whose statements are bound by the server and prepared."""
    options = {"server_side_binding": True, "prepare_threshold": 0}
    return {**database, "OPTIONS": options, "TEST": {"MIRROR": "postgres"}}


def pytest_report_header() -> str:
    missing = {"postgres", "mariadb"} - settings.DATABASES.keys()
    without = f"; WITHOUT {', '.join(sorted(missing))}" if missing else ""
    return f"databases: {', '.join(settings.DATABASES)}{without}"


class Clock:
    """Stands still until told otherwise; the storage and the policy both ask it."""

    def __init__(self) -> None:
        self.now = datetime.now(timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@cache
def guarded(storage: type[Storage]) -> type[Storage]:
    """Refuses what the database refuses: a blocking verb inside a running event loop."""
    verbs = {name: async_unsafe(getattr(storage, name)) for name in BLOCKING_VERBS}
    return type(storage.__name__, (storage,), verbs)


def memory(clock: Clock) -> Storage:
    return guarded(MemoryStorage)(clock=clock)


def database(alias: str) -> Callable[[Clock], Storage]:
    def make(clock: Clock) -> Storage:
        from django_multisession.storage.db import DatabaseStorage

        if alias not in settings.DATABASES:
            servers.missing(f"server for {alias}")
        return DatabaseStorage(database=alias, clock=clock)

    return make


def mysql(clock: Clock) -> Storage:
    """The SQL for MySQL, which cannot return what it deletes, on MariaDB, which understands it."""
    from django_multisession.storage.db.dialects import MySQL

    storage = database("mariadb")(clock)
    storage._link().statements.dialect = MySQL()
    return storage


def redis(server: redis_servers.Lazily, *, by_alias: bool = False) -> Callable[[Clock], Storage]:
    """A prefix of its own for each storage, so nothing has to be cleared."""

    def make(clock: Clock) -> Storage:
        from django_multisession.storage.redis import RedisStorage

        url = server.url
        place = {"alias": "sessions"} if by_alias else {"url": url}
        return guarded(RedisStorage)(**place, prefix=f"test-{uuid4()}", clock=clock)

    return make


# Every storage there is; `test_storage` asserts that none is forgotten.
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
}
DATABASES = {"sqlite", "postgres", "prepared", "mariadb", "mysql"}
SAME = {"alias", "sentinel"}  # once connected, as "redis"


@pytest.fixture(autouse=True)
def no_key_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Whatever a test does, no key it was given turns up in a log (CVE-2023-20866)."""
    issued, new_key = [], keys.new_key

    def issue() -> str:
        issued.append(new_key())
        return issued[-1]

    monkeypatch.setattr(keys, "new_key", issue)
    caplog.set_level(logging.DEBUG, logger="django")
    yield
    logged = "\n".join(record.getMessage() for record in caplog.get_records("call"))
    assert not [key for key in issued if key in logged]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Every database there is, not only those that pytest-django sees marked."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        teardown_databases(made, verbosity=0)


@pytest.fixture
def databases(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """All databases, without a transaction around the test: threads must see what it does."""
    with django_db_blocker.unblock():
        yield


def build(kind: str, clock: Clock, request: pytest.FixtureRequest) -> Iterator[Storage]:
    if kind in DATABASES:
        request.getfixturevalue("databases")
    storage = STORAGES[kind](clock)
    yield storage
    if kind in DATABASES:
        storage.clear()


@pytest.fixture(
    params=[pytest.param(k, marks=[pytest.mark.thorough] * (k in SAME)) for k in STORAGES]
)
def storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    yield from build(request.param, clock, request)


@pytest.fixture(params=[kind for kind in STORAGES if kind not in {"memory", *SAME}])
def real_storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    """One that other threads reach through connections of their own."""
    yield from build(request.param, clock, request)


@pytest.fixture(params=sorted(DATABASES))
def database_storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    yield from build(request.param, clock, request)


@pytest.fixture
def memory_storage(clock: Clock) -> Storage:
    return memory(clock)


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return DIALECTS[request.param]


@pytest.fixture
def verbs(storage: Storage, dialect: Callable[[Any], Any]) -> Iterator[Any]:
    """The storage, spoken to in one of the dialects. Where it is native, loops cost connections."""
    if storage.expires_by_itself:
        yield from lasting(dialect, storage)
    else:
        yield dialect(storage)


def empty(storage: Storage) -> None:
    """Redis just gets another prefix: to clear it is to look into 4096 buckets."""
    if storage.expires_by_itself:
        from django_multisession.storage.redis.calls import Calls, Names

        storage._calls = Calls(Names(f"test-{uuid4()}"), spread=storage._calls.spread)
    else:
        storage.clear()


def store_on(storage: Storage) -> type[SessionStore]:
    return type("SessionStore", (SessionStore,), {"storage": storage})


@pytest.fixture
def site(storage: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser of the pages of test_middleware, whose sessions are kept in the storage."""
    settings.ROOT_URLCONF = "test_middleware"
    settings.SESSION_ENGINE = memory_backend.__name__
    settings.MIDDLEWARE = ["django_multisession.middleware.SessionMiddleware"]
    monkeypatch.setattr(memory_backend.SessionStore, "storage", storage)
    return Client(raise_request_exception=False)


@pytest.fixture
def store(memory_storage: Storage) -> type[SessionStore]:
    """The policy, on the specification."""
    return store_on(memory_storage)


def make_record(clock: Clock, **facts: Any) -> Record:
    times = {
        "created_at": clock.now,
        "last_seen_at": clock.now,
        "expires_at": clock.now + timedelta(days=14),
    }
    return Record(**(times | facts))
