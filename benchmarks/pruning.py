"""Measure how long it takes to delete expired sessions, and how long requests wait meanwhile.

usage: pruning.py [--sessions 1500000] [--idle 10] [engine ...]

Run on PostgreSQL, SQLite and Redis, or on the named engines (mariadb is possible, too). Two thirds
of the sessions are expired. One process loads and saves live sessions all the time: first alone
("idle"), then while another process deletes the expired sessions, each time from a fresh copy of
the database:

- by one bare DELETE;
- by Django's clearsessions, in a table of Django's engine with as many rows;
- by ``sessions.prune()`` with its default batches, and with larger batches without a pause.

For each, print the seconds it takes and their ratio to the bare DELETE; the median, the 99th
percentile and the maximum time of a save meanwhile, with their ratios to the idle ones; the ratio
of the maximum to that of the bare DELETE; and the growth of the deleting process in MB. Last, print
the time of a purge that finds nothing, and of a count.

Redis itself deletes expired sessions. What is left to prune are their bucket and index entries.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any, NamedTuple

import project
from comparisons import Router
from django.db import connections, transaction
from django.test.utils import override_settings
from filling import BATCH, LIFETIME, MONTH, NOW, facts, insert_rows, record_of
from log_out_everywhere import Target, site, targets

ENGINES = ("postgres", "sqlite", "redis")
BATCHES: dict[str, dict[str, Any]] = {
    "prune": {"batch_size": 1000, "pause": 0.005},
    "prune, no pause": {"batch_size": 10_000, "pause": 0},
}
SEEDS = 3000  # different sessions; the others are copies with another handle
PROBED = 1000  # live sessions that are loaded and saved
PAUSE = 0.005  # seconds between two saves
WARM_UP = 1.0  # seconds

FORK = get_context("fork")
stop = FORK.Event()

Samples = list[tuple[float, float]]  # when a save began, and the seconds that it took


class Run(NamedTuple):
    """The time and memory that a deletion took."""

    start: float
    end: float
    growth: float = 0.0  # MB

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Line(NamedTuple):
    """A deletion, and the seconds that saves took meanwhile."""

    run: Run
    median: float
    slow: float  # the 99th percentile
    slowest: float


# The process that loads and saves


def probe(keys: Sequence[str]) -> Samples:
    from django_multisession.engine import store

    random, samples = Random(1), Samples()
    while not stop.is_set():
        session = store()(random.choice(keys))
        session.load()
        session["counter"] = time.perf_counter_ns()
        start = time.perf_counter()
        session.save()
        samples.append((start, time.perf_counter() - start))
        time.sleep(PAUSE)
    connections.close_all()  # so that SQLite removes its journal files
    return samples


def measure_beside(keys: Sequence[str], run: Callable[[], Run]) -> Line:
    """Run the deletion in one process while another one saves sessions."""
    connections.close_all()
    stop.clear()
    with process() as prober, process() as worker:
        probing = prober.submit(probe, keys)
        time.sleep(WARM_UP)
        try:
            done = worker.submit(run).result()
        finally:
            stop.set()
        seconds = [
            seconds for start, seconds in probing.result() if done.start <= start <= done.end
        ]
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return Line(done, cuts[49], cuts[98], max(seconds))


def process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=FORK)


# The process that deletes


def idle(seconds: float) -> Run:
    start = time.perf_counter()
    time.sleep(seconds)
    return Run(start, time.perf_counter())


def measured(delete: Callable[[], object], connect: Callable[[], object]) -> Run:
    connect()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak of the memory
    before, start = memory("VmRSS"), time.perf_counter()
    delete()
    end = time.perf_counter()
    growth = memory("VmHWM") - before
    connections.close_all()
    return Run(start, end, growth)


def memory(name: str) -> float:
    """Return this figure of the process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def connect(alias: str) -> None:
    connections[alias].ensure_connection()


def count_all() -> None:
    from django_multisession import sessions

    sessions.count()


def bare(alias: str) -> None:
    from django_multisession.engine import store

    connection = store().storage._writer
    sql = f"DELETE FROM {connection.statements.sessions} WHERE expires_at <= %s"
    connection.execute(sql, [connection.to_db_time(datetime.now(NOW.tzinfo))])


def clearsessions(alias: str) -> None:
    from django.core.management import call_command

    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.db"):
        call_command("clearsessions")


def prune(options: str, alias: str = "") -> None:
    from django_multisession import sessions

    sessions.prune(**BATCHES[options])


DELETING: dict[str, Callable[[str], None]] = {
    "DELETE": bare,
    "clearsessions": clearsessions,
    **{name: partial(prune, name) for name in BATCHES},
}


# Tables


def expired_facts(random: Random) -> dict[str, Any]:
    """Return facts of a session that expired in the last month, but not in the last hour."""
    from django_multisession.storage.db.encoding import PURGE_GRANULARITY

    live = facts(random)
    shift = live["expires_at"] - NOW + PURGE_GRANULARITY + random.random() * MONTH
    times = ("created_at", "last_seen_at", "expires_at")
    return {**live, **{name: live[name] - shift for name in times}}


def fill(storage: Any, count: int) -> list[str]:
    """Create sessions. Two thirds are expired, in random order. Return keys of some live ones."""
    from django_multisession.core.keys import hash_key
    from django_multisession.storage.db.encoding import to_row

    connection, random = storage._writer, Random(1)
    if connection.django_connection.vendor == "sqlite":
        connection.execute("PRAGMA cache_size = -2000000")
    records = [record_of(str(n), (expired_facts if n % 3 else facts)(random)) for n in range(SEEDS)]
    rows = [
        to_row(hash_key(str(n)), record, connection.to_db_time) for n, record in enumerate(records)
    ]
    insert_rows(connection, rows)
    multiply(connection, [*rows[0]], count // SEEDS - 1)
    fill_django(connection)
    keys = set_known_keys(connection, random)
    tidy(connection)
    return keys


def multiply(connection: Any, columns: list[str], times: int) -> None:
    columns.remove("handle")
    names, table = ", ".join(columns), connection.statements.sessions
    hashed = {
        "postgresql": "encode(sha256((handle || n)::bytea), 'hex')",
        "sqlite": "sha256(handle || n)",
        "mysql": "sha2(concat(handle, n), 256)",
    }[connection.django_connection.vendor]
    numbers = "WITH RECURSIVE m(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM m WHERE n < %s)"
    select = f"SELECT substr({hashed}, 1, 43), {names} FROM m CROSS JOIN {table} ORDER BY n, id"
    if connection.django_connection.vendor == "mysql":
        sql = f"INSERT INTO {table} (handle, {names}) {numbers} {select}"
    else:
        sql = f"{numbers} INSERT INTO {table} (handle, {names}) {select}"
    if times:
        connection.execute(sql, [times])


def fill_django(connection: Any) -> None:
    """Create as many rows in the table of Django's engine, of about the same size."""
    from django.contrib.sessions.models import Session

    into = f"INSERT INTO {Session._meta.db_table} (session_key, session_data, expire_date)"
    table = connection.statements.sessions
    sql = f"{into} SELECT substr(handle, 1, 40), %s, expires_at FROM {table} ORDER BY id"
    connection.execute(sql, ["0" * 250])


def set_known_keys(connection: Any, random: Random) -> list[str]:
    """Give known keys to live sessions all over the table. Return the keys."""
    from django_multisession.core.keys import hash_key, new_key

    table, now = connection.statements.sessions, connection.to_db_time(NOW + LIFETIME / 10)
    ids = [id for (id,) in connection.fetch(f"SELECT id FROM {table} WHERE expires_at > %s", [now])]
    keys = [new_key() for _ in range(PROBED)]
    with transaction.atomic(connection.django_connection.alias):
        for key, id in zip(keys, random.sample(ids, PROBED), strict=True):
            connection.execute(f"UPDATE {table} SET handle = %s WHERE id = %s", [hash_key(key), id])
    return keys


def tidy(connection: Any) -> None:
    """Do what the background processes of the server would do in time."""
    if connection.django_connection.vendor == "postgresql":
        connection.execute("VACUUM ANALYZE")
    if connection.django_connection.vendor == "sqlite":
        connection.fetch("PRAGMA wal_checkpoint(TRUNCATE)", [])
    connections.close_all()


@contextmanager
def fresh(alias: str) -> Iterator[None]:
    """Replace the database by a fresh copy for the time being."""
    connection = connections[alias]
    connections.close_all()
    creation, settings = connection.creation, dict(connection.settings_dict)
    creation.clone_test_db("copy", verbosity=0, autoclobber=True)
    connection.settings_dict.update(creation.get_test_db_clone_settings("copy"))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
    if connection.vendor == "sqlite":
        connection.settings_dict["OPTIONS"] = {**settings["OPTIONS"], "timeout": 600}
    os.sync()
    try:
        yield
    finally:
        connections.close_all()
        connection.settings_dict.update(settings)
        creation.destroy_test_db(suffix="copy", verbosity=0)


def measure_table(target: Target, count: int, seconds: float) -> None:
    alias = target.settings["MULTISESSION_DATABASE"]
    with override_settings(DATABASE_ROUTERS=[Router(alias)]), site(target) as storage:
        keys, live = fill(storage, count), count // SEEDS * SEEDS // 3
        lines = {}
        with fresh(alias):
            lines["idle"] = measure_beside(keys, partial(idle, seconds))
        head(target.name, lines["idle"])
        for name, delete in DELETING.items():
            with fresh(alias):
                how = partial(measured, partial(delete, alias), partial(connect, alias))
                lines[name] = measure_beside(keys, how)
                report(name, lines)
                check(storage, name, live)
                if name == [*DELETING][-1]:
                    nothing_left(storage)


def check(storage: Any, name: str, live: int) -> None:
    if name != "clearsessions":
        connection = storage._writer
        left = connection.fetch(f"SELECT count(*) FROM {connection.statements.sessions}", [])
        assert left == [(live,)], (left, live)


# Redis


def measure_redis(target: Target, count: int, seconds: float) -> None:
    with site(target) as storage:
        keys = fill_server(storage, count)
        lines = {"idle": measure_beside(keys, partial(idle, seconds))}
        head(target.name, lines["idle"])
        how = partial(measured, partial(prune, "prune"), count_all)
        lines["prune"] = measure_beside(keys, how)
        report("prune", lines)
        nothing_left(storage)


def fill_server(storage: Any, count: int) -> list[str]:
    """Send the commands of `insert`, BATCH sessions in one round trip. Return keys of live ones.

    Expired sessions are inserted with an end in the past. Redis deletes them at once, but not their
    entries in buckets and in the index.
    """
    from django_multisession.core.keys import hash_key, new_key

    random, keys = Random(1), []
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        named = [(new_key(), str(n % (count // 2)), facts(random), n % 3) for n in numbers]
        for _, _, session_facts, is_over in named:
            if is_over:
                session_facts["expires_at"] = NOW - timedelta(minutes=20)
        plans = [storage._prepare_insert(hash_key(key), record_of(*of)) for key, *of, _ in named]
        storage.connection.run_all(list(chain(*(entries for entries, _ in plans))))
        storage.connection.run_all([insert for _, insert in plans])
        keys += [key for key, *_, is_over in named if not is_over]
    return random.sample(keys, PROBED)


# Output


def nothing_left(storage: Any) -> None:
    from django_multisession import sessions

    for name, verb in (("nothing due", sessions.prune), ("count", sessions.count)):
        start = time.perf_counter()
        number = verb()
        print(f"{name:16}{time.perf_counter() - start:9.3f} s, {number:,}", flush=True)


def head(name: str, line: Line) -> None:
    titles = "".join(f"{title:>10}{'ratio':>7}" for title in ("p50 ms", "p99 ms", "max ms"))
    print(f"\n{name:16}{'seconds':>10}{'ratio':>7}{titles}{'bare':>8}{'MB':>8}")
    report("idle", {"idle": line})


def report(name: str, lines: dict[str, Line]) -> None:
    line, idle, bare = lines[name], lines["idle"], lines.get("DELETE", lines[name])
    cells = "".join(f"{a * 1e3:10.2f}{a / b:7.1f}" for a, b in zip(line[1:], idle[1:], strict=True))
    run, ratio = line.run, line.run.seconds / bare.run.seconds
    more = f"{line.slowest / bare.slowest:8.4f}{run.growth:8.1f}"
    print(f"{name:16}{run.seconds:10.2f}{ratio:7.2f}{cells}{more}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_500_000, help=f"{SEEDS * 2} or more")
    parser.add_argument("--idle", type=float, default=10, help="seconds without any deletion")
    parser.add_argument("engines", nargs="*", default=ENGINES)
    arguments = parser.parse_args()
    with project.databases() as aliases, ExitStack() as servers:
        for target in targets(aliases, servers):
            if target.name in arguments.engines:
                measure = measure_table if target.backend == "db" else measure_redis
                measure(target, arguments.sessions, arguments.idle)


if __name__ == "__main__":
    main()
