"""Measure how many sessions ``manage.py migratesessions`` moves in a second.

usage: migrating.py [--sessions 100000] [--dynamodb 2000] [chain ...]

A chain lists the engines that sessions move through, for example cached_db,db,redis. django and
cached_db are Django's engines; db, redis and dynamodb are this package's. Databases are on
PostgreSQL if it is installed, else on SQLite. dynamodb is dynalite, which is slower than AWS and
has no transactions, so chains with it move the smaller number of sessions (--dynamodb). The time of
a move includes its last pass, which finds no sessions. "CPU us" is the processor time of this
process for each session.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from importlib import import_module
from itertools import islice, pairwise
from typing import Any

import project
from comparisons import Router
from django.test.utils import override_settings
from filling import BATCH, NOW, fill_dynamodb, fill_redis, fill_table, make_table

CHAINS = ["django,redis,db", "cached_db,db,redis", "db,dynamodb,redis,dynamodb,db"]
ENGINES = {
    "django": "django.contrib.sessions.backends.db",
    "cached_db": "django.contrib.sessions.backends.cached_db",
    "db": "django_multisession.backends.db",
    "redis": "django_multisession.backends.redis",
    "dynamodb": "django_multisession.backends.dynamodb",
}
OURS: dict[str, Callable[..., None]] = {
    "db": fill_table,
    "redis": fill_redis,
    "dynamodb": partial(fill_dynamodb, first=1),
}
USERS, WORKERS = 1000, 8


@contextmanager
def servers(names: set[str]) -> Iterator[None]:
    """Start servers, and configure a project that can use all of these engines."""
    with project.databases() as aliases, ExitStack() as stack:
        alias = "postgres" if "postgres" in aliases else "default"
        url = project.REDIS["redis"].url
        cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}
        settings: dict[str, Any] = {
            "CACHES": {"default": cache},
            "DATABASE_ROUTERS": [Router(alias)],
            "MULTISESSION_DATABASE": alias,
            "MULTISESSION_REDIS_URL": url,
        }
        if "dynamodb" in names:
            options = stack.enter_context(dynalite())
            settings["MULTISESSION_DYNAMODB_OPTIONS"] = options
        stack.enter_context(override_settings(**settings))
        if "dynamodb" in names:
            make_table(storage_of("dynamodb"))
        yield


@contextmanager
def dynalite() -> Iterator[dict[str, Any]]:
    from support import dynamodb_servers
    from support.servers import running

    with running(dynamodb_servers.Dynalite()) as server:
        yield {**server.options, "config": {"read_timeout": 60}}


def storage_of(name: str) -> Any:
    return import_module(ENGINES[name]).SessionStore.storage


def fill(name: str, number: int) -> None:
    """Create sessions in this engine. One in ten is anonymous."""
    users = (str(n % USERS) if n % 10 else None for n in range(number))
    if name in OURS:
        OURS[name](storage_of(name), users)
    else:
        fill_django(name, users)


def fill_django(name: str, users: Iterator[str | None]) -> None:
    """Create sessions of Django's engines: rows, and cache entries for cached_db."""
    from django.contrib.sessions.models import Session
    from django.core.cache import cache

    store = import_module(ENGINES[name]).SessionStore()
    rows = (row_of(Session, store, user) for user in users)
    while batch := list(islice(rows, BATCH)):
        Session.objects.bulk_create(batch)
        if prefix := getattr(store, "cache_key_prefix", None):
            cache.set_many({f"{prefix}{row.pk}": store.decode(row.session_data) for row in batch})


def row_of(model: Any, store: Any, user: str | None) -> Any:
    from django_multisession.core.keys import new_key

    own = {"_auth_user_id": user, "_auth_user_hash": "0" * 64} if user else {"language": "en"}
    text = store.encode({"cart": [1, 2, 3], **own})
    return model(session_key=new_key(), session_data=text, expire_date=NOW + timedelta(days=14))


def move(source: str, target: str, number: int) -> tuple[float, float]:
    """Move all sessions. Return seconds and seconds of processor time of this process."""
    from django_multisession.management.move_job import Move
    from django_multisession.management.scheduler import ShutdownFlag
    from django_multisession.transfer.detection import source_of

    move = Move(source_of(ENGINES[source]), storage_of(target), ShutdownFlag(), workers=WORKERS)
    taken = timed(partial(move.run, lambda done: None))
    expected = {**dict.fromkeys(move.outcomes, 0), "moved": number}
    assert move.outcomes == expected, (move.outcomes, move.faults)
    assert storage_of(target).count() == number
    return taken


def timed(function: Callable[[], object]) -> tuple[float, float]:
    start = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def run(chain: Sequence[str], number: int) -> None:
    fill(chain[0], number)
    for source, target in pairwise(chain):
        seconds, busy = move(source, target, number)
        print(
            f"{source:10} -> {target:10}{number:10,}{seconds:9.1f}{number / seconds:10,.0f}"
            f"{busy / number * 1e6:10,.0f}",
            flush=True,
        )
    if chain[-1] in OURS:
        storage_of(chain[-1]).clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--dynamodb", type=int, default=2_000)
    parser.add_argument("chains", nargs="*", metavar="chain", default=CHAINS)
    arguments = parser.parse_args()
    chains = [chain.split(",") for chain in arguments.chains]
    with servers({name for chain in chains for name in chain}):
        print(f"{'':24}{'sessions':>10}{'s':>9}{'a second':>10}{'CPU us':>10}")
        for chain in chains:
            is_slow = "dynamodb" in chain
            run(chain, arguments.dynamodb if is_slow else arguments.sessions)


if __name__ == "__main__":
    main()
