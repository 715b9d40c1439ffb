"""Previous engines: Django's, those of other packages, this package's and an unknown one."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import connections

from django_multisession.transfer.base import Source
from django_multisession.transfer.detection import source_of
from support import databases, redis_servers
from support.subjects import STORAGES, Clock

DJANGOS = "django.contrib.sessions.backends."
OURS = "django_multisession.backends."
OTHER = "support.any_engine"
USER = 7

ENGINES = {
    "db": f"{DJANGOS}db",
    "postgres": f"{DJANGOS}db",
    "mariadb": f"{DJANGOS}db",
    "cached_db": f"{DJANGOS}cached_db",
    "cache": f"{DJANGOS}cache",
    "file": f"{DJANGOS}file",
    "signed_cookies": f"{DJANGOS}signed_cookies",
    "user_sessions": "user_sessions.backends.db",
    "qsessions": "qsessions.backends.db",
    "qsessions_cached_db": "qsessions.backends.cached_db",
    "redis_sessions": "redis_sessions.session",
    "ours_memory": f"{OURS}memory",
    "ours_redis": f"{OURS}redis",
    "ours_db": f"{OURS}db",
    "other": OTHER,
}
APPS = {
    **dict.fromkeys(("db", "postgres", "mariadb", "cached_db"), "django.contrib.sessions"),
    "user_sessions": "user_sessions",
    **dict.fromkeys(("qsessions", "qsessions_cached_db"), "qsessions"),
}
# django-user-sessions reads its version through it, and setuptools has dropped it.
sys.modules.setdefault(
    "pkg_resources",
    SimpleNamespace(  # type: ignore[arg-type]
        DistributionNotFound=LookupError, get_distribution=lambda name: SimpleNamespace(version="")
    ),
)

TIED = {"user_sessions", "qsessions", "qsessions_cached_db"}  # have a foreign key to users
CACHED = {"cached_db", "cache", "qsessions_cached_db"}
STORED = {"ours_memory": "memory", "ours_redis": "redis", "ours_db": "sqlite"}
TABLES = [kind for kind in ENGINES if kind in APPS]


class Old:
    """A previous engine."""

    def __init__(self, kind: str) -> None:
        self.kind, self.engine = kind, ENGINES[kind]

    @property
    def store(self) -> Any:
        return import_module(self.engine).SessionStore

    @property
    def source(self) -> Source:
        return source_of(self.engine)

    @property
    def model(self) -> Any:
        return apps.get_model(APPS[self.kind].rpartition(".")[2], "Session")

    @property
    def removes(self) -> bool:
        return self.source.removes

    def keep(self, expiry: Any = None, **data: Any) -> str:
        """Store a new session with this data. Return its cookie."""
        holder = self.store()
        for name, value in data.items():  # django-user-sessions does not notice update()
            holder[name] = value
        if expiry is not None:
            holder.set_expiry(expiry)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Call to deprecated setex")  # django-redis-sessions
            holder.save()
        return str(holder.session_key)

    def has(self, key: str) -> bool:
        return bool(self.store().exists(key))


class Router:
    """A database router that puts the tables of other engines into one database."""

    alias = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        labels = {"sessions", "user_sessions", "qsessions"}
        return Router.alias if model._meta.app_label in labels else None

    db_for_write = db_for_read


def opened(kind: str, request: pytest.FixtureRequest) -> Iterator[Old]:
    """Set up a previous engine and name it in MULTISESSION_MIGRATE_FROM.

    For fixtures, which must request `relations` before all others.
    """
    settings, monkeypatch = (request.getfixturevalue(n) for n in ("settings", "monkeypatch"))
    with ExitStack() as stack:
        if kind in CACHED:
            use_cache(settings)
        if kind in APPS:
            request.getfixturevalue("databases")
            stack.enter_context(installed(kind, settings, monkeypatch))
        if kind == "file":
            use_folder(request.getfixturevalue("tmp_path"), settings, monkeypatch)
        if kind == "redis_sessions":
            use_redis(redis_servers.ALONE.url, settings, monkeypatch)
        if kind in STORED:
            request.getfixturevalue("databases")
            stack.enter_context(stored(kind, request.getfixturevalue("clock"), monkeypatch))
        settings.MULTISESSION_MIGRATE_FROM = [ENGINES[kind]]
        yield Old(kind)


@contextmanager
def installed(kind: str, settings: Any, monkeypatch: Any) -> Iterator[None]:
    """Install the app of the engine and its table."""
    alias = databases.require(kind if kind in {"postgres", "mariadb"} else "default")
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, APPS[kind]]
    settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
    monkeypatch.setattr(Router, "alias", alias)
    apps.clear_cache()
    with connections[alias].schema_editor() as editor:
        editor.create_model(Old(kind).model)
    users = get_user_model()._default_manager
    users.create(pk=USER, username="of old")  # rows refer to users
    yield
    with connections[alias].schema_editor() as editor:
        editor.delete_model(Old(kind).model)
    users.filter(pk=USER)._raw_delete(users.db)
    if kind in TIED:
        forget(APPS[kind])


def forget(label: str) -> None:
    """Forget the models of an app. Otherwise users and the admin would keep relations to them."""
    for model in apps.all_models.pop(label, {}).values():
        if admin.site.is_registered(model):
            admin.site.unregister(model)
    apps.clear_cache()
    for name in [name for name in sys.modules if name.partition(".")[0] == label]:
        del sys.modules[name]


@contextmanager
def stored(kind: str, clock: Clock, monkeypatch: Any) -> Iterator[None]:
    """Give the engine of this package a storage of its own."""
    storage = STORAGES[STORED[kind]](clock)
    monkeypatch.setattr(Old(kind).store, "storage", storage)
    yield
    if kind == "ours_db":
        storage.clear()


def use_cache(settings: Any, **location: Any) -> None:
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "KEY_PREFIX": str(uuid4())}
    settings.CACHES = {
        **settings.CACHES,
        "before": {**cache, "LOCATION": redis_servers.ALONE.url, **location},
    }
    settings.SESSION_CACHE_ALIAS = "before"


def use_folder(folder: Any, settings: Any, monkeypatch: Any) -> None:
    """Set the folder of Django's file engine, which reads the setting once a process."""
    store = import_module(ENGINES["file"]).SessionStore
    settings.SESSION_FILE_PATH = str(folder)
    monkeypatch.setattr(store, "_storage_path", str(folder), raising=False)


def use_redis(url: str, settings: Any, monkeypatch: Any) -> None:
    """Set the server of django-redis-sessions, which reads settings and connects once a process."""
    from redis_sessions import session
    from redis_sessions import settings as once

    prefix = str(uuid4())
    settings.SESSION_REDIS = {"url": url, "prefix": prefix}
    monkeypatch.setattr(once, "SESSION_REDIS_URL", url)
    monkeypatch.setattr(once, "SESSION_REDIS_PREFIX", prefix)
    monkeypatch.setattr(session.RedisServer, "_RedisServer__redis", {})


def cached_at(key: str, store: Any) -> tuple[Any, str]:
    """Return the cache of sessions and the key of a session in it."""
    return caches["before"], f"{store.cache_key_prefix}{key}"
