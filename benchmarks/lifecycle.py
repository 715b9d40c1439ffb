"""Compare the time of session operations between Django's engines and this package's.

usage: lifecycle.py [--rounds 400]

Every operation is a request through the engine's middleware. For every database that is installed,
and for Redis, print the median time of each operation with each engine and its ratio to Django's.
"anon" is a request that does not use the session. Last, print the time of a load beside that of the
bare command that reads the same data. Engines take turns, so ratios are more reliable than times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

from comparisons import Comparison, Engine, comparisons
from django.conf import settings
from django.http import HttpRequest, HttpResponse

WARM_UP = 20  # rounds
AUTH = {"_auth_user_id": "1", "_auth_user_backend": "backend", "_auth_user_hash": "0" * 64}
DATA = {f"field {n}": "some forty characters of a session's data" for n in range(5)}


def anon(session: Any) -> None:
    pass


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


OPERATIONS = (anon, login, read, write, logout)


class Site:
    """A site with one engine. It times every operation, which is run in a request."""

    def __init__(self, engine: Engine) -> None:
        self.respond = engine.middleware(self.view)
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


def live(sites: Sequence[Site], rounds: int) -> None:
    for number in range(rounds):
        for site in sites if number % 2 else sites[::-1]:
            site.run(anon)
            key = site.run(login)
            for _ in range(3):
                site.run(read, key)
            site.run(write, key)
            site.run(logout, key)


def loads(comparison: Comparison, stores: Sequence[Any], rounds: int) -> list[float]:
    """Return the median seconds of the bare command and of a load by each store."""
    session = stores[0]()
    session.update(AUTH | DATA)
    session.save()
    functions = [
        comparison.bare(session),
        *(partial(load, store, session.session_key) for store in stores),
    ]
    times = [[time_of(function) for function in functions] for _ in range(rounds)]
    return [median(column) for column in zip(*times, strict=True)]


def load(store: Any, key: str) -> None:
    store(key).load()


def time_of(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def report(comparison: Comparison, rounds: int) -> None:
    sites = [Site(engine) for engine in comparison.engines.values()]
    live(sites, WARM_UP)
    for site in sites:
        site.times.clear()
    live(sites, rounds)
    first, *others = comparison.engines
    titles = "".join(f"{f'{name} us':>14}{'ratio':>8}" for name in others)
    print(f"\n{comparison.name:14}{f'{first} us':>14}{titles}")
    for operation in OPERATIONS:
        line(operation.__name__, [median(site.times[operation.__name__]) for site in sites])
    stores = [site.respond.SessionStore for site in sites[1:]]
    line(f"load/{comparison.bare.__name__.upper()}", loads(comparison, stores, rounds))


def line(name: str, seconds: Sequence[float]) -> None:
    """Print times in microseconds, and the ratios of the others to the first one."""
    first, *others = seconds
    ratios = "".join(f"{value * 1e6:14.0f}{value / first:8.2f}" for value in others)
    print(f"{name:14}{first * 1e6:14.0f}{ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=400)
    rounds = parser.parse_args().rounds
    for comparison in comparisons():
        report(comparison, rounds)


if __name__ == "__main__":
    main()
