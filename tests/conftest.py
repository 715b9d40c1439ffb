"""Hooks of the test run, and the fixtures that many folders use: storages, dialects, databases."""

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
from django.test import Client

from django_multisession import sessions
from django_multisession.core import keys
from django_multisession.session import SessionStore
from django_multisession.storage.base import Storage
from support import databases as databases_of_run
from support import redis_servers
from support.databases import SERVERS
from support.dialects import DIALECTS
from support.markers import mark_dynamodb
from support.project import install, spoken, store_on
from support.servers import DEADLINE
from support.subjects import ALIKE, DATABASES, EVERY, SAME, Clock, all_but, build, memory

# Python caches failed look-ups of encodings. Django's file engine needs this one, and a test that
# breaks imports for a moment must not be the first to look it up.
codecs.lookup("ascii")


def pytest_configure(config: pytest.Config) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache = "django_redis.cache.RedisCache"
    settings.CACHES["sessions"] = {"BACKEND": cache, "LOCATION": redis_servers.ALONE.server.url}
    folder = TemporaryDirectory(prefix="multisession-sqlite-")
    config.add_cleanup(folder.cleanup)
    databases_of_run.begin(str(Path(folder.name) / "test.sqlite3"))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Collect garbage that belongs to no test. A connection left open is reported, not an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        gc.collect()


@pytest.hookimpl(trylast=True)  # pytest's own use of it is over
def pytest_unconfigure() -> None:
    """End the process if something, such as a thread, keeps it alive, and show where that is."""
    faulthandler.dump_traceback_later(DEADLINE, exit=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    mark_dynamodb(item)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect thorough tests outside MULTISESSION_SHARE: 2/6 is the second sixth of them."""
    number, _, shares = os.environ.get("MULTISESSION_SHARE", "1/1").partition("/")

    def is_outside(item: pytest.Item) -> bool:
        turn = crc32(item.nodeid.encode()) % int(shares) + 1
        return item.get_closest_marker("thorough") is not None and turn != int(number)

    outside = [item for item in items if is_outside(item)]
    config.hook.pytest_deselected(items=outside)
    items[:] = [item for item in items if not is_outside(item)]


def pytest_collection_finish() -> None:
    """Exclude all objects that exist now from garbage collections: they live until the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    """Run each test in a context of its own.

    Django adds a variable to the context whenever a setting changes. asgiref copies all of them,
    one by one, each time that it changes between sync and async: thousands after many tests.
    """
    runner = item.config.pluginmanager.get_plugin("runner")
    return copy_context().run(runner.pytest_runtest_protocol, item, nextitem)


def pytest_report_header() -> list[str]:
    chosen = {server.variable: os.environ.get(server.variable) for server in SERVERS.values()}
    return [f"{name}: {'set' if '://' in url else url}" for name, url in chosen.items() if url]


@pytest.fixture(autouse=True)
def no_key_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """Assert that no session key issued during a test is logged (CVE-2023-20866)."""
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
    """Create the database "default". Tests ask for others: see databases.require()."""
    with django_db_blocker.unblock():
        databases_of_run.create("default")
    yield
    with django_db_blocker.unblock():
        databases_of_run.drop_all()


@pytest.fixture
def databases(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let the test connect, without a transaction around it: threads must see what it does."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=all_but(*ALIKE))
def storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    """Every storage that differs from the others for its callers. tests/contracts has more."""
    yield from build(request.param, clock, request)


@pytest.fixture(params=all_but("memory", *SAME))
def real_storage(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Storage]:
    """Every storage on a server, which other threads reach through connections of their own."""
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
def site(storage: Storage, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser on the pages of `session_views`, whose sessions are kept in the storage."""
    settings.ROOT_URLCONF = "support.session_views"
    settings.MIDDLEWARE = ["django_multisession.middleware.SessionMiddleware"]
    install(storage, settings, monkeypatch)
    return Client(raise_request_exception=False)


@pytest.fixture
def store(memory_storage: Storage) -> type[SessionStore]:
    """A session class on the memory storage."""
    return store_on(memory_storage)


@pytest.fixture
def relations() -> Iterator[None]:
    """Clear the relations that models cache, after a test that installs an app.

    Django does not clear them when apps come and go. Request this fixture before `settings`.
    """
    yield
    apps.clear_cache()


@pytest.fixture
def api(
    storage: Storage, dialect: Callable[[Any], Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The public API `sessions` on every storage, in both dialects."""
    install(storage, settings, monkeypatch)
    yield from spoken(sessions, storage, dialect)


@pytest.fixture
def quick(
    memory_storage: Storage,
    dialect: Callable[[Any], Any],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """The public API `sessions` on the memory storage, in both dialects."""
    install(memory_storage, settings, monkeypatch)
    return dialect(sessions)


@pytest.fixture
def session(store: type[SessionStore], dialect: Callable[[Any], Any]) -> Callable[..., Any]:
    """``session(key)`` returns the session object of the key, in one of the dialects."""
    return lambda key=None: dialect(store(key))
