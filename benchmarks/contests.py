"""Whom to compare: on every database, and on Redis, Django's engine and ours."""

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
        """Around a view. The engine is loaded anew: another one may be the same module."""
        engine = f"{self.package}.backends.{self.backend}"
        with override_settings(SESSION_ENGINE=engine, **self.settings):
            reload(import_module(engine))
            return import_string(f"{self.package}.middleware.SessionMiddleware")(view)

    def store(self) -> Any:
        """Its class of sessions, without any requests."""
        return self.middleware(lambda request: None).SessionStore


class Contest(NamedTuple):
    """Engines that share a server. The first is the measure of the others."""

    name: str
    settings: Mapping[str, Any]
    engines: Mapping[str, Engine]
    # A session of ours -> the least that loads what is stored of it, by the same client.
    bare: Callable[[Any], Callable[[], Any]]


class Router:
    """All of both engines in one database."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.alias

    db_for_write = db_for_read


def contests() -> Iterator[Contest]:
    """Those for which there is a server, each while its settings hold."""
    with project.databases() as aliases:
        for contest in [*map(on_database, aliases), *on_redis()]:
            with override_settings(**contest.settings):
                yield contest


def on_database(alias: str) -> Contest:
    engines = {
        "django": Engine(DJANGO, "db"),
        "ours": Engine(OURS, "db", {"MULTISESSION_DATABASE": alias}),
    }
    return Contest(alias, {"DATABASE_ROUTERS": [Router(alias)]}, engines, select)


def on_redis() -> list[Contest]:
    """Django's engine, on the cache of django-redis, which ours can share or do without."""
    if not project.REDIS:
        return []
    url = project.REDIS["redis"].url
    cache = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url}
    engines = {
        "django": Engine(DJANGO, "cache"),
        "by URL": Engine(OURS, "redis", {"MULTISESSION_REDIS_URL": url}),
        "by alias": Engine(OURS, "redis", {"MULTISESSION_REDIS_URL": None}),
    }
    return [Contest("redis", {"CACHES": {"default": cache}}, engines, hgetall)]


def select(session: Any) -> Callable[[], Any]:
    link = session.storage._connection()
    cursor, parameters = link.connection.connection.cursor(), [session.handle]
    sql = link.statements.read
    if link.connection.vendor == "sqlite":
        sql = sql.replace("%s", "?")

    def run() -> Any:
        cursor.execute(sql, parameters)
        return cursor.fetchall()

    return run


def hgetall(session: Any) -> Callable[[], Any]:
    client = session.storage.topology.client()
    key = session.storage.keys.session(session.handle)
    return lambda: client.hgetall(key)
