"""The databases of the test run. Each is created when the first test asks for its alias."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connections
from django.test.utils import override_settings, setup_databases, teardown_databases

from support import servers

SERVERS = {server.alias: server for server in (servers.Postgres(), servers.MariaDB())}
SERVER_OF = {"postgres": "postgres", "prepared": "postgres", "mariadb": "mariadb"}
PREPARING = {"server_side_binding": True, "prepare_threshold": 0}

# The settings that decide which tables a new database gets. A test may change them before it asks.
DECIDING = ("INSTALLED_APPS", "AUTH_USER_MODEL", "DATABASE_ROUTERS")
_decided: dict[str, Any] = {}

# Alias -> why its database could not be created. The next tests fail with it at once.
_failures: dict[str, BaseException] = {}
_created: list[Any] = []  # what teardown_databases() takes


def begin(sqlite: str) -> None:
    """Configure the alias "default", with its database in this file, and remember the settings.

    A file, because threads see one in-memory database through one lock only.
    """
    settings.DATABASES["default"]["TEST"] = {"NAME": sqlite}
    _forget_settings()
    _decided.update({name: getattr(settings, name) for name in DECIDING})


def require(alias: str) -> str:
    """Return the alias, once its database exists.

    Skips the test where the server is missing, or fails it under MULTISESSION_REQUIRE_SERVERS=1.
    Raises the client library's error if the variable names a server that does not answer. The
    fixture `databases` must be in use: it lets tests connect, and drops what is created here.
    """
    if alias in settings.DATABASES:
        return alias
    server = SERVER_OF[alias]
    if server in _failures:
        raise _failures[server]
    entry = entry_of(server)
    entries = {server: entry}
    if server == "postgres":  # the same database, with statements that the server prepares
        entries["prepared"] = {**entry, "OPTIONS": PREPARING, "TEST": {"MIRROR": "postgres"}}
    settings.DATABASES.update(entries)
    _forget_settings()
    try:
        SERVERS[server].drop_stale(entry)
        create(server)
    except Exception as error:
        _failures[server] = error
        for name in entries:
            del settings.DATABASES[name]
        _forget_settings()
        raise
    return alias


@cache
def entry_of(alias: str) -> dict[str, Any]:
    """Return the server's entry of DATABASES, and create nothing. Skips and fails as require()."""
    if alias == "default":
        return settings.DATABASES[alias]
    return SERVERS[alias].find() or servers.missing(f"server for {alias}")


def create(alias: str) -> None:
    """Create the test database of the alias, with the tables of the settings at the start."""
    changed = {n: value for n, value in _decided.items() if getattr(settings, n) != value}
    with ExitStack() as stack:
        if changed:
            stack.enter_context(override_settings(**changed))
        made = setup_databases(verbosity=0, interactive=False, aliases={alias})
    _created.extend(made)


def drop_all() -> None:
    """Drop every database that this run created."""
    connections.close_all()
    teardown_databases(_created, verbosity=0)
    _created.clear()


def _forget_settings() -> None:
    """Make Django read DATABASES again. Connections that are open stay open."""
    connections.__dict__.pop("settings", None)
