"""How long does it take to log a user out everywhere? On every storage there is.

usage: log_out_everywhere.py [--sessions 100000]

Among that many sessions, users have 1, 100 or 10,000. For each number the median time of ending all
sessions of such a user, and its ratio to the time for a single one.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import chain
from statistics import median
from typing import Any

import project
from django.db import connections

USERS = {1: 20, 100: 20, 10_000: 3}  # sessions of a user -> how many such users there are
NEEDED = sum(size * count for size, count in USERS.items())
BATCH = 1000  # sessions that are inserted at a time
NOW = datetime.now(timezone.utc)
FACTS: dict[str, Any] = {
    "created_at": NOW,
    "last_seen_at": NOW,
    "expires_at": NOW + timedelta(days=14),
    "ip": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
}
TEXTS = {
    "_auth_user_id": '"1"',
    "_auth_user_backend": '"django.contrib.auth.backends.ModelBackend"',
    "_auth_user_hash": f'"{"0" * 64}"',
}


def owner(size: int, number: int) -> str:
    return f"{number} of those with {size}"


def owners(sessions: int) -> list[str]:
    """Whose each session is, in no order. Those that nobody asks for have a user each."""
    measured = ([owner(size, n)] * size for size, count in USERS.items() for n in range(count))
    others = (f"other {number}" for number in range(sessions - NEEDED))
    users = [*chain(*measured), *others]
    random.Random(1).shuffle(users)
    return users


def batches(users: list[str]) -> Iterator[list[tuple[str, str]]]:
    """Ids with their users."""
    from django_multisession.keys import handle_of

    pairs = [(handle_of(f"session {number}"), user) for number, user in enumerate(users)]
    return (pairs[first : first + BATCH] for first in range(0, len(pairs), BATCH))


def fill_table(storage: Any, users: list[str]) -> None:
    """By the model, a thousand rows a statement."""
    from django_multisession.models import Session

    facts = {**FACTS, "purge_at": FACTS["expires_at"] + timedelta(hours=1), "data": TEXTS}
    for batch in batches(users):
        rows = [Session(handle=id, user_ref=user, **facts) for id, user in batch]
        Session.objects.using(storage.database).bulk_create(rows)
    connection = connections[storage.database]
    if connection.vendor == "postgresql":  # as its daemon does before long
        connection.cursor().execute("ANALYZE")


def fill_redis(storage: Any, users: list[str]) -> None:
    """What `insert` sends, a thousand times in one round trip."""
    from django_multisession.record import Record

    fields = {name: text.encode() for name, text in TEXTS.items()}
    for batch in batches(users):
        records = [(id, Record(**FACTS, fields=fields, references={"user": u})) for id, u in batch]
        plans = [storage._plan_insert(id, record) for id, record in records]
        storage._link.run_all(list(chain(*(first for first, _ in plans))))
        storage._link.run_all([insert for _, insert in plans])


def log_out(storage: Any, size: int, number: int) -> float:
    """Seconds."""
    start = time.perf_counter()
    ended = sum(1 for _ in storage.delete_found("user", owner(size, number)))
    seconds = time.perf_counter() - start
    assert ended == size
    return seconds


def head(sessions: int) -> None:
    first, *others = (f"user of {size} ms" for size in USERS)
    titles = "".join(f"{title:>18}{'ratio':>8}" for title in others)
    print(f"{sessions} sessions".ljust(16) + f"{first:>14}{titles}", flush=True)


def report(name: str, storage: Any) -> None:
    first, *others = [
        median(log_out(storage, size, number) for number in range(count))
        for size, count in USERS.items()
    ]
    ratios = "".join(f"{each * 1e3:18.1f}{each / first:8.1f}" for each in others)
    print(f"{name:16}{first * 1e3:14.2f}{ratios}", flush=True)


def storages(aliases: list[str]) -> Iterator[tuple[str, Any, Any]]:
    """Name, storage and how to fill it."""
    from django_multisession.storage.db import DatabaseStorage

    for alias in aliases:
        yield alias, DatabaseStorage(database=alias), fill_table
    for name, server in project.REDIS.items():
        from django_multisession.storage.redis import RedisStorage

        yield name, RedisStorage(url=server.url), fill_redis


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=100_000, help=f"at least {NEEDED}")
    sessions = parser.parse_args().sessions
    if sessions < NEEDED:
        parser.error(f"--sessions must be at least {NEEDED}")
    users = owners(sessions)
    head(sessions)
    with project.databases() as aliases:
        for name, storage, fill in storages(aliases):
            fill(storage, users)
            report(name, storage)


if __name__ == "__main__":
    main()
