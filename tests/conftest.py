"""The subjects of the tests: every storage, built by its constructor, in both dialects."""

from __future__ import annotations

import codecs
import faulthandler
import gc
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import setup_databases, teardown_databases

from django_multisession import sessions
from django_multisession.core import keys
from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage
from support import redis_servers, servers
from support.dialects import DIALECTS
from support.event_loops import lasting
from support.project import install, spoken, store_on
from support.servers import DEADLINE
from support.subjects import ALIKE, DATABASES, EVERY, SAME, Clock, all_but, build, is_native, memory

pytest_plugins = ["support.fixtures_people", "support.fixtures_dynamodb"]

# Python remembers which encodings it did not find, and a test that breaks imports for a moment must
# not be the first to want this one, which Django's file engine needs.
codecs.lookup("ascii")


def pytest_configure(config: pytest.Config) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    databases = settings.DATABASES
    databases.update(servers.databases())
    if "postgres" in databases:
        databases["prepared"] = prepared(databases["postgres"])
    cache = "django_redis.cache.RedisCache"
    settings.CACHES["sessions"] = {"BACKEND": cache, "LOCATION": redis_servers.ALONE.server.url}
    # A file, because threads see one in-memory database through one lock only.
    folder = TemporaryDirectory(prefix="multisession-sqlite-")
    config.add_cleanup(folder.cleanup)
    databases["default"]["TEST"] = {"NAME": Path(folder.name) / "test.sqlite3"}
    connections.__dict__.pop("settings", None)  # Django may have read them before


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """What is garbage by now belongs to no test: of a connection that somebody left open, libraries
    included, it is told, and it fails nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        gc.collect()


@pytest.hookimpl(trylast=True)  # pytest's own use of it is over
def pytest_unconfigure() -> None:
    """What the process still waits for at its end, a thread for example, it names, and ends."""
    faulthandler.dump_traceback_later(DEADLINE, exit=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where MULTISESSION_SHARE is 2/6, of what is thorough the second sixth."""
    number, _, shares = os.environ.get("MULTISESSION_SHARE", "1/1").partition("/")

    def is_others(item: pytest.Item) -> bool:
        turn = crc32(item.nodeid.encode()) % int(shares) + 1
        return item.get_closest_marker("thorough") is not None and turn != int(number)

    others = [item for item in items if is_others(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if not is_others(item)]


def pytest_collection_finish() -> None:
    """What is there now stays until the end: no garbage collection need look at it again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Each test in a context of its own. What Django keeps for a context it makes anew whenever a
    setting changes; the old ones would stay until the end, and asgiref copies them all, one by one,
    each time that it goes from sync to async or back: thousands after a few thousand tests."""
    runner = item.config.pluginmanager.get_plugin("runner")
    return copy_context().run(runner.pytest_runtest_protocol, item, nextitem)


def prepared(database: dict[str, Any]) -> dict[str, Any]:
    """The same PostgreSQL, whose statements are bound by the server and prepared."""
    options = {"server_side_binding": True, "prepare_threshold": 0}
    return {**database, "OPTIONS": options, "TEST": {"MIRROR": "postgres"}}


def pytest_report_header() -> str:
    missing = {"postgres", "mariadb"} - settings.DATABASES.keys()
    without = f"; WITHOUT {', '.join(sorted(missing))}" if missing else ""
    return f"databases: {', '.join(settings.DATABASES)}{without}"


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


@pytest.fixture(params=all_but(*ALIKE))
def storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    """For what is built on storages. Their own tests take others, too."""
    yield from build(request.param, clock, request)


@pytest.fixture(params=all_but("memory", *SAME))
def real_storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    """One that other threads reach through connections of their own."""
    yield from build(request.param, clock, request)


@pytest.fixture(params=[each for each in EVERY if each.values[0] in DATABASES])
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
    if is_native(storage):
        yield from lasting(dialect, storage)
    else:
        yield dialect(storage)


@pytest.fixture
def site(storage: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser of the pages of `session_views`, whose sessions are kept in the storage."""
    settings.ROOT_URLCONF = "support.session_views"
    settings.MIDDLEWARE = ["django_multisession.middleware.SessionMiddleware"]
    install(storage, settings, monkeypatch)
    return Client(raise_request_exception=False)


@pytest.fixture
def store(memory_storage: Storage) -> type[SessionStore]:
    """The policy, on the specification."""
    return store_on(memory_storage)


@pytest.fixture
def relations() -> Iterator[None]:
    """For a test that installs an app, before it asks for settings: models remember who refers to
    them, and Django leaves them in that belief when apps come and go."""
    yield
    apps.clear_cache()


@pytest.fixture
def api(
    storage: Storage, dialect: Callable[[Any], Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """``sessions``, on every storage, in the dialect."""
    install(storage, settings, monkeypatch)
    yield from spoken(sessions, storage, dialect)


@pytest.fixture
def quick(
    memory_storage: Storage,
    dialect: Callable[[Any], Any],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """The same, on the specification only."""
    install(memory_storage, settings, monkeypatch)
    return dialect(sessions)


@pytest.fixture
def session(store, dialect):
    """``session(key)``: its holder."""
    return lambda key=None: dialect(store(key))
