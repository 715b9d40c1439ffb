"""How long does it take to log a user out everywhere, and to list a user's sessions?

usage: log_out_everywhere.py [--sessions 100000] [engine ...]

On every server there is, or on those that are named (postgres, redis, moto, ...). Among that
many sessions, users have 1, 100 or 10,000: for each number the median time of ending all sessions
of such a user, the time for each of them, and how often the server was asked. Then the same for
listing 10 sessions, beside 1,000 others and beside all. A ratio is to the line above with the same
function; on a machine that does other things too, it is worth more than a time.

For DynamoDB there are moto, without the copies that it makes for transactions, and dynalite, which
knows none and so is asked more often; with 12,000 sessions at most. AWS is asked as often as moto,
and is quicker: moto looks at the whole table for each query.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module, reload
from itertools import chain
from statistics import median
from typing import Any, NamedTuple

import project
from crowds import fill_dynamodb, fill_redis, fill_table
from django.db import connections
from django.test.utils import CaptureQueriesContext, override_settings

SIZES = {1: 20, 100: 20, 10_000: 3}  # sessions of a user -> how many such users there are
FEW = {1: 10, 100: 5, 10_000: 1}  # on slow servers
VISITOR, VISITS, OTHERS = "1", 10, 1000
LISTINGS = 50  # timed


class Place(NamedTuple):
    """An engine, chosen by settings as in a project."""

    name: str
    backend: str
    settings: dict[str, Any]
    fill: Callable[..., None]
    # While it is entered, gives what tells how often the server was asked since.
    counted: Callable[[Any], Any]
    sizes: dict[int, int] = SIZES
    most: int = 10_000_000  # sessions


# How often a server was asked


@contextmanager
def statements(storage: Any) -> Iterator[Callable[[], int]]:
    """BEGIN and COMMIT included."""
    with CaptureQueriesContext(connections[storage.database]) as queries:
        yield lambda: len(queries)


@contextmanager
def round_trips(storage: Any) -> Iterator[Callable[[], int]]:
    """Count round trips. Commands that are sent at once count as one, whatever their nodes."""
    sent, connection = [], storage._connection
    send = connection._send
    connection._send = lambda commands: sent.append(1) or send(commands)
    try:
        yield lambda: len(sent)
    finally:
        del connection._send


@contextmanager
def requests(storage: Any) -> Iterator[Callable[[], int]]:
    """Those that are sent at once count each."""
    sent: list[int] = []
    events = storage._connection.process.client.meta.events
    count = lambda **kwargs: sent.append(1)  # noqa: E731
    events.register("before-send.dynamodb", count, "count")
    try:
        yield lambda: len(sent)
    finally:
        events.unregister("before-send.dynamodb", count, "count")


def places(aliases: Sequence[str], servers: ExitStack) -> Iterator[Place]:
    """The servers of the later ones start when they are asked for."""
    for alias in aliases:
        name = "sqlite" if alias == "default" else alias
        yield Place(name, "db", {"MULTISESSION_DATABASE": alias}, fill_table, statements)
    for name, server in project.REDIS.items():
        settings = {"MULTISESSION_REDIS_URL": server.url}
        yield Place(name, "redis", settings, fill_redis, round_trips)
    import dynamodb
    from servers import running

    for server in dynamodb.servers():
        servers.enter_context(running(server))
        options = {**server.options, "config": {"read_timeout": 60}}
        settings = {"MULTISESSION_DYNAMODB_OPTIONS": options}
        name = dynamodb.name_of(server)
        yield Place(name, "dynamodb", settings, fill_dynamodb, requests, FEW, 12_000)


@contextmanager
def site(place: Place) -> Iterator[Any]:
    """It is the engine of the site. Gives its storage."""
    engine = f"django_multisession.backends.{place.backend}"
    with override_settings(SESSION_ENGINE=engine, **place.settings):
        yield reload(import_module(engine)).SessionStore.storage


# What is timed


def owner(size: int, number: int) -> str:
    return str(size * 1000 + number)


def others(count: int, first: int) -> list[str]:
    """Whom nobody asks for: a user each."""
    return [str(number) for number in range(first, first + count)]


def owners(sizes: dict[int, int], sessions: int) -> list[str]:
    """Whose each session is, in no order."""
    measured = ([owner(size, n)] * size for size, count in sizes.items() for n in range(count))
    users = [*chain(*measured)]
    users += others(sessions - len(users), 10**9)
    random.Random(1).shuffle(users)
    return users


def measure(place: Place, sessions: int) -> None:
    sessions = min(sessions, place.most)
    with site(place) as storage:
        first = [VISITOR] * VISITS + others(OTHERS, 10**8)
        place.fill(storage, first)
        few = listing(place, storage)
        place.fill(storage, owners(place.sizes, sessions - len(first)), len(first))
        many = listing(place, storage)
        ends = {size: logging_out(place, storage, size) for size in place.sizes}
    print(f"\n{place.name}, {sessions} sessions")
    report("log_out_everywhere", [(f"{size:,}", size, *each) for size, each in ends.items()])
    few_and_many = [(f"{VISITS} of {OTHERS + VISITS:,}", few), (f"{VISITS} of {sessions:,}", many)]
    report("for_user", [(name, VISITS, *each) for name, each in few_and_many])


def logging_out(place: Place, storage: Any, size: int) -> tuple[float, float]:
    from django_multisession import sessions

    def log_out(number: int) -> None:
        assert sessions.log_out_everywhere(owner(size, number)) == size

    return timed(place, storage, [partial(log_out, n) for n in range(place.sizes[size])])


def listing(place: Place, storage: Any) -> tuple[float, float]:
    from django_multisession import sessions

    def look() -> None:
        assert len(sessions.for_user(VISITOR)) == VISITS

    look()  # connects
    return timed(place, storage, [look] * LISTINGS)


def timed(place: Place, storage: Any, calls: Sequence[Callable[[], None]]) -> tuple[float, float]:
    """The median of seconds, and of how often the server was asked."""
    seconds, asked = [], []
    for call in calls:
        with place.counted(storage) as count:
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
            asked.append(count())
    return median(seconds), median(asked)


def report(function: str, rows: Sequence[tuple[str, int, float, float]]) -> None:
    print(f"{function:20}{'sessions':>14}{'ms':>10}{'us each':>10}{'asked':>8}{'ratio':>8}")
    before = rows[0][2]
    for name, sessions, seconds, asked in rows:
        each, ratio = seconds / sessions * 1e6, seconds / before
        print(f"{name:>34}{seconds * 1e3:10.2f}{each:10.0f}{asked:8.0f}{ratio:8.1f}", flush=True)
        before = seconds


def main() -> None:
    needed = VISITS + OTHERS + sum(size * count for size, count in SIZES.items())
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000, help=f"at least {needed}")
    parser.add_argument("engines", nargs="*")
    arguments = parser.parse_args()
    if arguments.sessions < needed:
        parser.error(f"--sessions must be at least {needed}")
    with project.databases() as aliases, ExitStack() as servers:
        for place in places(aliases, servers):
            if not arguments.engines or place.name in arguments.engines:
                measure(place, arguments.sessions)


if __name__ == "__main__":
    main()
