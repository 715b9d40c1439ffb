"""Comparisons of Django's engine with this package's engine, on every database and on Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module, reload
from typing import Any, NamedTuple

import project
from django.test import override_settings
from django.utils.module_loading import import_string

DJANGO, OURS = "django.contrib.sessions", "django_multisession"


class Engine(NamedTuple):
    """A session engine with its middleware, chosen by settings as in a project."""

    package: str
    backend: str
    settings: Mapping[str, Any] = {}

    def middleware(self, view: Callable[..., Any]) -> Any:
        """Wrap a view in the session middleware of this engine.

        The engine's module is reloaded, because two engines may differ in settings only.
        """
        engine = f"{self.package}.backends.{self.backend}"
        with override_settings(SESSION_ENGINE=engine, **self.settings):
            reload(import_module(engine))
            return import_string(f"{self.package}.middleware.SessionMiddleware")(view)

    def store(self) -> Any:
        """Return the ``SessionStore`` class of the engine."""
        return self.middleware(lambda request: None).SessionStore


class Comparison(NamedTuple):
    """Engines that share a server. Ratios are relative to the first one."""

    name: str
    settings: Mapping[str, Any]
    engines: Mapping[str, Engine]
    # Takes a session of this package and returns the bare command that reads its data.
    bare: Callable[[Any], Callable[[], Any]]


class Router:
    """A database router that uses one alias for everything."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.alias

    db_for_write = db_for_read


def comparisons() -> Iterator[Comparison]:
    """Iterate over the comparisons whose server is installed, with their settings in force."""
    with project.databases() as aliases:
        for comparison in [*map(on_database, aliases), *on_redis()]:
            with override_settings(**comparison.settings):
                yield comparison


def on_database(alias: str) -> Comparison:
    engines = {
        "django": Engine(DJANGO, "db"),
        "ours": Engine(OURS, "db", {"MULTISESSION_DATABASE": alias}),
    }
    return Comparison(alias, {"DATABASE_ROUTERS": [Router(alias)]}, engines, select)


def on_redis() -> list[Comparison]:
    """Compare Django's cache engine on django-redis with this package's Redis engine.

    This package connects by URL, and through the connection of the cache alias.
    """
    if not project.REDIS:
        return []
    url = project.REDIS["redis"].url
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}
    engines = {
        "django": Engine(DJANGO, "cache"),
        "by URL": Engine(OURS, "redis", {"MULTISESSION_REDIS_URL": url}),
        "by alias": Engine(OURS, "redis", {"MULTISESSION_REDIS_URL": None}),
    }
    return [Comparison("redis", {"CACHES": {"default": cache}}, engines, hgetall)]


def select(session: Any) -> Callable[[], Any]:
    """Return a function that reads the row of the session with a bare cursor."""
    connection = session.storage._writer
    cursor, parameters = connection.django_connection.connection.cursor(), [session.handle]
    sql = connection.statements.read
    if connection.django_connection.vendor == "sqlite":
        sql = sql.replace("%s", "?")

    def run() -> Any:
        cursor.execute(sql, parameters)
        return cursor.fetchall()

    return run


def hgetall(session: Any) -> Callable[[], Any]:
    """Return a function that reads the hash of the session with a bare client."""
    client = session.storage.topology.client()
    key = session.storage.keys.session(session.handle)
    return lambda: client.hgetall(key)
