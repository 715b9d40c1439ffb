"""The life of a session: Django's db engine and ours, through their middleware, in one run.

usage: lifecycle.py [--rounds 400]

For every database there is, the median time of each operation with either engine, and their ratio;
and a load beside the bare SELECT of its row. Operations of both engines take turns, so a ratio is
worth more than a figure.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import project
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.utils.module_loading import import_string

ENGINES = {
    "django": ("django.contrib.sessions.backends.db", "django.contrib.sessions.middleware"),
    "ours": ("django_multisession.backends.db", "django_multisession.middleware"),
}
AUTH = {"_auth_user_id": "1", "_auth_user_backend": "backend", "_auth_user_hash": "0" * 64}
DATA = {f"field {n}": "some forty characters of a session's data" for n in range(5)}


def login(session: Any) -> None:
    session["cart"] = [1, 2, 3]
    session.cycle_key()
    session.update(AUTH | DATA)


def read(session: Any) -> None:
    assert session["_auth_user_id"] == "1"


def write(session: Any) -> None:
    session["counter"] = time.perf_counter_ns()


def logout(session: Any) -> None:
    session.flush()


class Site:
    """One engine behind its middleware; every operation is a request."""

    def __init__(self, engine: str, middleware: str) -> None:
        with override_settings(SESSION_ENGINE=engine):
            self.respond = import_string(f"{middleware}.SessionMiddleware")(self.view)
        self.times: dict[str, list[float]] = {}

    def view(self, request: HttpRequest) -> HttpResponse:
        request.operation(request.session)  # type: ignore[attr-defined]
        return HttpResponse()

    def run(self, operation: Callable[[Any], None], key: str = "") -> str:
        request = HttpRequest()
        request.META = {"REMOTE_ADDR": "192.0.2.1", "HTTP_USER_AGENT": "bench"}
        request.COOKIES = {settings.SESSION_COOKIE_NAME: key} if key else {}
        request.operation = operation  # type: ignore[attr-defined]
        start = time.perf_counter()
        response = self.respond(request)
        self.times.setdefault(operation.__name__, []).append(time.perf_counter() - start)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        return cookie.value if cookie else key


def live(sites: list[Site], rounds: int) -> None:
    for number in range(rounds):
        for site in sites if number % 2 else sites[::-1]:
            key = site.run(login)
            for _ in range(3):
                site.run(read, key)
            site.run(write, key)
            site.run(logout, key)


def load_beside_select(alias: str, rounds: int) -> tuple[float, float]:
    """A load, and the bare SELECT of its row by the same driver connection."""
    from django.db import connections

    from django_multisession.backends.db import SessionStore

    session = SessionStore()
    session.update(AUTH | DATA)
    session.save()
    sql, key, handle = (
        SessionStore.storage._link().statements.read,
        session.session_key,
        [session.handle],
    )
    cursor = connections[alias].connection.cursor()
    marked = sql.replace("%s", "?") if connections[alias].vendor == "sqlite" else sql
    times: dict[str, list[float]] = {"select": [], "load": []}
    for _ in range(rounds):
        start = time.perf_counter()
        cursor.execute(marked, handle)
        cursor.fetchall()
        middle = time.perf_counter()
        SessionStore(key).load()
        times["select"].append(middle - start)
        times["load"].append(time.perf_counter() - middle)
    return median(times["select"]), median(times["load"])


def report(alias: str, rounds: int) -> None:
    from django_multisession.backends.db import SessionStore

    SessionStore.storage.database = alias
    sites = {name: Site(*where) for name, where in ENGINES.items()}
    live(list(sites.values()), 20)
    for site in sites.values():
        site.times.clear()
    live(list(sites.values()), rounds)
    print(f"\n{alias:12}{'django us':>12}{'ours us':>12}{'ratio':>8}")
    for operation in ("login", "read", "write", "logout"):
        line(operation, *(median(site.times[operation]) for site in sites.values()))
    line("load/select", *load_beside_select(alias, rounds))


def line(name: str, theirs: float, ours: float) -> None:
    print(f"{name:12}{theirs * 1e6:12.0f}{ours * 1e6:12.0f}{ours / theirs:8.2f}")


class Router:
    """All of both engines in one database."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return self.alias

    db_for_write = db_for_read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, project.databases(Path(folder)) as aliases:
        for alias in aliases:
            with override_settings(DATABASE_ROUTERS=[Router(alias)]):
                report(alias, rounds)


if __name__ == "__main__":
    main()
