"""Measure how long it takes to log a user out everywhere, and to list a user's sessions.

usage: log_out_everywhere.py [--sessions 100000] [engine ...]

Run on every server that is installed, or on the named ones (postgres, redis, moto, ...). Users have
1, 100 or 10,000 of the sessions. For each of these numbers, print the median time of ending all
sessions of such a user, the time for each session, and the number of round trips ("asked"). Then
print the same for listing 10 sessions of a user, among 1,000 others and among all sessions. The
ratio is that to the line above. On a busy machine, ratios are more reliable than times.

DynamoDB is represented by moto, without the copies that it makes for transactions, and by dynalite,
which has no transactions and so needs more requests; with 12,000 sessions at most. AWS needs as
many requests as moto and is faster: moto scans the whole table for each query.
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
from django.db import connections
from django.test.utils import CaptureQueriesContext, override_settings
from filling import fill_dynamodb, fill_redis, fill_table

SIZES = {1: 20, 100: 20, 10_000: 3}  # sessions of a user -> number of such users
FEW = {1: 10, 100: 5, 10_000: 1}  # the same, for slow servers
VISITOR, VISITS, OTHERS = "1", 10, 1000
LISTINGS = 50  # how often a listing is timed


class Target(NamedTuple):
    """An engine, chosen by settings as in a project."""

    name: str
    backend: str
    settings: dict[str, Any]
    fill: Callable[..., None]
    # Takes the storage; a context manager that yields a function which returns the round trips.
    counted: Callable[[Any], Any]
    sizes: dict[int, int] = SIZES
    max_sessions: int = 10_000_000  # sessions


# Counting round trips


@contextmanager
def statements(storage: Any) -> Iterator[Callable[[], int]]:
    """Count SQL statements, including BEGIN and COMMIT."""
    with CaptureQueriesContext(connections[storage.database]) as queries:
        yield lambda: len(queries)


@contextmanager
def round_trips(storage: Any) -> Iterator[Callable[[], int]]:
    """Count round trips. Commands that are sent at once count as one, whatever their nodes."""
    sent, connection = [], storage.connection
    send = connection.send
    connection.send = lambda commands: sent.append(1) or send(commands)
    try:
        yield lambda: len(sent)
    finally:
        del connection.send


@contextmanager
def requests(storage: Any) -> Iterator[Callable[[], int]]:
    """Count requests, concurrent ones included."""
    sent: list[int] = []
    events = storage.connection.pool.client.meta.events
    count = lambda **kwargs: sent.append(1)  # noqa: E731
    events.register("before-send.dynamodb", count, "count")
    try:
        yield lambda: len(sent)
    finally:
        events.unregister("before-send.dynamodb", count, "count")


def targets(aliases: Sequence[str], servers: ExitStack) -> Iterator[Target]:
    """Iterate over the targets. Servers of DynamoDB start when their turn comes."""
    for alias in aliases:
        name = "sqlite" if alias == "default" else alias
        yield Target(name, "db", {"MULTISESSION_DATABASE": alias}, fill_table, statements)
    for name, server in project.REDIS.items():
        settings = {"MULTISESSION_REDIS_URL": server.url}
        yield Target(name, "redis", settings, fill_redis, round_trips)
    import dynamodb

    from support.servers import running

    for server in dynamodb.servers():
        servers.enter_context(running(server))
        options = {**server.options, "config": {"read_timeout": 60}}
        settings = {"MULTISESSION_DYNAMODB_OPTIONS": options}
        name = dynamodb.name_of(server)
        yield Target(name, "dynamodb", settings, fill_dynamodb, requests, FEW, 12_000)


@contextmanager
def site(target: Target) -> Iterator[Any]:
    """Configure the engine of this target. Yield its storage."""
    engine = f"django_multisession.backends.{target.backend}"
    with override_settings(SESSION_ENGINE=engine, **target.settings):
        yield reload(import_module(engine)).SessionStore.storage


# What is timed


def owner(size: int, number: int) -> str:
    return str(size * 1000 + number)


def others(count: int, first: int) -> list[str]:
    """Return users with one session each, which are never queried."""
    return [str(number) for number in range(first, first + count)]


def owners(sizes: dict[int, int], sessions: int) -> list[str]:
    """Return the user of each session, shuffled."""
    measured = ([owner(size, n)] * size for size, count in sizes.items() for n in range(count))
    users = [*chain(*measured)]
    users += others(sessions - len(users), 10**9)
    random.Random(1).shuffle(users)
    return users


def measure(target: Target, sessions: int) -> None:
    sessions = min(sessions, target.max_sessions)
    with site(target) as storage:
        first = [VISITOR] * VISITS + others(OTHERS, 10**8)
        target.fill(storage, first)
        few = listing(target, storage)
        target.fill(storage, owners(target.sizes, sessions - len(first)), len(first))
        many = listing(target, storage)
        ends = {size: logging_out(target, storage, size) for size in target.sizes}
    print(f"\n{target.name}, {sessions} sessions")
    report("log_out_everywhere", [(f"{size:,}", size, *result) for size, result in ends.items()])
    few_and_many = [(f"{VISITS} of {OTHERS + VISITS:,}", few), (f"{VISITS} of {sessions:,}", many)]
    report("for_user", [(name, VISITS, *result) for name, result in few_and_many])


def logging_out(target: Target, storage: Any, size: int) -> tuple[float, float]:
    from django_multisession import sessions

    def log_out(number: int) -> None:
        assert sessions.log_out_everywhere(owner(size, number)) == size

    return timed(target, storage, [partial(log_out, n) for n in range(target.sizes[size])])


def listing(target: Target, storage: Any) -> tuple[float, float]:
    from django_multisession import sessions

    def look() -> None:
        assert len(sessions.for_user(VISITOR)) == VISITS

    look()  # opens the connection
    return timed(target, storage, [look] * LISTINGS)


def timed(target: Target, storage: Any, calls: Sequence[Callable[[], None]]) -> tuple[float, float]:
    """Return the median seconds and the median number of round trips of these calls."""
    seconds, asked = [], []
    for call in calls:
        with target.counted(storage) as count:
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
        for target in targets(aliases, servers):
            if not arguments.engines or target.name in arguments.engines:
                measure(target, arguments.sessions)


if __name__ == "__main__":
    main()
