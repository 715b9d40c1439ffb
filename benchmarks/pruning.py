"""How long does it take to delete what is over, and how long does it make requests wait?

usage: pruning.py [--sessions 1500000] [--idle 10] [engine ...]

On PostgreSQL, SQLite and Redis, or on those that are named (mariadb, too). Two thirds of that many
sessions are over. A process loads and saves live ones, again and again: first alone, then while
another process deletes all that are over, each time from a fresh copy of the database: by one bare
DELETE, by Django's clearsessions in a table of Django's engine with as many rows, and by ours, with
batches as they are by default and with larger ones without a pause. For each: the seconds it takes
and their ratio to the bare DELETE; the median, the 99th percentile and the maximum of a save's time
meanwhile, their ratios to when nothing is deleted, and that of the maximum to the maximum beside
the bare DELETE; and by how many MB the deleting process grows at most. Last, a purge that finds
nothing, and a count.

On Redis the server has deleted the sessions that are over. What is left of them is in the lists.
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
from contests import Router
from crowds import BATCH, LIFETIME, MONTH, NOW, facts, insert_rows, record_of
from django.db import connections, transaction
from django.test.utils import override_settings
from log_out_everywhere import Place, places, site

ENGINES = ("postgres", "sqlite", "redis")
BATCHES: dict[str, dict[str, Any]] = {
    "ours": {"batch_size": 1000, "pause": 0.005},
    "ours, no pause": {"batch_size": 10_000, "pause": 0},
}
SEEDS = 3000  # different sessions in a table; the others are like them
PROBED = 1000  # live sessions that are loaded and saved
PAUSE = 0.005  # seconds between two of these
WARM_UP = 1.0  # seconds

FORK = get_context("fork")
stop = FORK.Event()

Samples = list[tuple[float, float]]  # when a save began, and the seconds that it took


class Run(NamedTuple):
    """Of what deletes."""

    start: float
    end: float
    growth: float = 0.0  # MB

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Line(NamedTuple):
    run: Run
    median: float
    slow: float  # the 99th percentile
    slowest: float


# Who waits


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
    connections.close_all()  # so that SQLite leaves no files beside the copy's
    return samples


def beside(keys: Sequence[str], run: Callable[[], Run]) -> Line:
    """While that runs in a process of its own, sessions are saved in another one."""
    connections.close_all()
    stop.clear()
    with process() as prober, process() as pruner:
        probing = prober.submit(probe, keys)
        time.sleep(WARM_UP)
        try:
            done = pruner.submit(run).result()
        finally:
            stop.set()
        seconds = [took for start, took in probing.result() if done.start <= start <= done.end]
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return Line(done, cuts[49], cuts[98], max(seconds))


def process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=FORK)


# What deletes


def idle(seconds: float) -> Run:
    start = time.perf_counter()
    time.sleep(seconds)
    return Run(start, time.perf_counter())


def measured(delete: Callable[[], object], connect: Callable[[], object]) -> Run:
    connect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = memory("VmRSS"), time.perf_counter()
    delete()
    end = time.perf_counter()
    growth = memory("VmHWM") - before
    connections.close_all()
    return Run(start, end, growth)


def memory(name: str) -> float:
    """Of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


def connect(alias: str) -> None:
    connections[alias].ensure_connection()


def count_all() -> None:
    from django_multisession import sessions

    sessions.count()


def bare(alias: str) -> None:
    from django_multisession.engine import store

    link = store().storage._connection()
    sql = f"DELETE FROM {link.statements.sessions} WHERE expires_at <= %s"
    link.execute(sql, [link.moment(datetime.now(NOW.tzinfo))])


def clearsessions(alias: str) -> None:
    from django.core.management import call_command

    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.db"):
        call_command("clearsessions")


def ours(how: str, alias: str = "") -> None:
    from django_multisession import sessions

    sessions.prune(**BATCHES[how])


DELETING: dict[str, Callable[[str], None]] = {
    "DELETE": bare,
    "clearsessions": clearsessions,
    **{how: partial(ours, how) for how in BATCHES},
}


# Tables


def over(random: Random) -> dict[str, Any]:
    """Facts of a session that ended in the last month, and not in the last hour."""
    from django_multisession.storage.db.encoding import PURGE_GRANULARITY

    of_one = facts(random)
    gone = of_one["expires_at"] - NOW + PURGE_GRANULARITY + random.random() * MONTH
    times = ("created_at", "last_seen_at", "expires_at")
    return {**of_one, **{name: of_one[name] - gone for name in times}}


def fill(storage: Any, count: int) -> list[str]:
    """Two thirds are over, in no order. Gives the keys of some that live."""
    from django_multisession.core.keys import hash_key
    from django_multisession.storage.db.encoding import to_row

    link, random = storage._connection(), Random(1)
    if link.connection.vendor == "sqlite":
        link.execute("PRAGMA cache_size = -2000000")
    records = [record_of(str(n), (over if n % 3 else facts)(random)) for n in range(SEEDS)]
    rows = [to_row(hash_key(str(n)), each, link.moment) for n, each in enumerate(records)]
    insert_rows(link, rows)
    multiply(link, [*rows[0]], count // SEEDS - 1)
    fill_djangos(link)
    keys = name_some(link, random)
    tidy(link)
    return keys


def multiply(link: Any, columns: list[str], times: int) -> None:
    columns.remove("handle")
    names, table = ", ".join(columns), link.statements.sessions
    hashed = {
        "postgresql": "encode(sha256((handle || n)::bytea), 'hex')",
        "sqlite": "sha256(handle || n)",
        "mysql": "sha2(concat(handle, n), 256)",
    }[link.connection.vendor]
    numbers = "WITH RECURSIVE m(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM m WHERE n < %s)"
    select = f"SELECT substr({hashed}, 1, 43), {names} FROM m CROSS JOIN {table} ORDER BY n, id"
    if link.connection.vendor == "mysql":
        sql = f"INSERT INTO {table} (handle, {names}) {numbers} {select}"
    else:
        sql = f"{numbers} INSERT INTO {table} (handle, {names}) {select}"
    if times:
        link.execute(sql, [times])


def fill_djangos(link: Any) -> None:
    """As many rows, about as large."""
    from django.contrib.sessions.models import Session

    into = f"INSERT INTO {Session._meta.db_table} (session_key, session_data, expire_date)"
    table = link.statements.sessions
    sql = f"{into} SELECT substr(handle, 1, 40), %s, expires_at FROM {table} ORDER BY id"
    link.execute(sql, ["0" * 250])


def name_some(link: Any, random: Random) -> list[str]:
    """Gives live sessions all over the table keys of our own."""
    from django_multisession.core.keys import hash_key, new_key

    table, now = link.statements.sessions, link.moment(NOW + LIFETIME / 10)
    ids = [id for (id,) in link.fetch(f"SELECT id FROM {table} WHERE expires_at > %s", [now])]
    keys = [new_key() for _ in range(PROBED)]
    with transaction.atomic(link.connection.alias):
        for key, id in zip(keys, random.sample(ids, PROBED), strict=True):
            link.execute(f"UPDATE {table} SET handle = %s WHERE id = %s", [hash_key(key), id])
    return keys


def tidy(link: Any) -> None:
    """As time and the server's daemons do."""
    if link.connection.vendor == "postgresql":
        link.execute("VACUUM ANALYZE")
    if link.connection.vendor == "sqlite":
        link.fetch("PRAGMA wal_checkpoint(TRUNCATE)", [])
    connections.close_all()


@contextmanager
def fresh(alias: str) -> Iterator[None]:
    """A copy of the database in its place."""
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


def measure_table(place: Place, count: int, seconds: float) -> None:
    alias = place.settings["MULTISESSION_DATABASE"]
    with override_settings(DATABASE_ROUTERS=[Router(alias)]), site(place) as storage:
        keys, live = fill(storage, count), count // SEEDS * SEEDS // 3
        lines = {}
        with fresh(alias):
            lines["idle"] = beside(keys, partial(idle, seconds))
        head(place.name, lines["idle"])
        for name, delete in DELETING.items():
            with fresh(alias):
                how = partial(measured, partial(delete, alias), partial(connect, alias))
                lines[name] = beside(keys, how)
                report(name, lines)
                check(storage, name, live)
                if name == [*DELETING][-1]:
                    nothing_left(storage)


def check(storage: Any, name: str, live: int) -> None:
    if name != "clearsessions":
        link = storage._connection()
        left = link.fetch(f"SELECT count(*) FROM {link.statements.sessions}", [])
        assert left == [(live,)], (left, live)


# Redis


def measure_redis(place: Place, count: int, seconds: float) -> None:
    with site(place) as storage:
        keys = fill_server(storage, count)
        lines = {"idle": beside(keys, partial(idle, seconds))}
        head(place.name, lines["idle"])
        how = partial(measured, partial(ours, "ours"), count_all)
        lines["ours"] = beside(keys, how)
        report("ours", lines)
        nothing_left(storage)


def fill_server(storage: Any, count: int) -> list[str]:
    """By what `insert` sends, a thousand times in one round trip. Those that are over were so when
    they came: the server has deleted them, but not their places in buckets and index."""
    from django_multisession.core.keys import hash_key, new_key

    random, keys = Random(1), []
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        named = [(new_key(), str(n % (count // 2)), facts(random), n % 3) for n in numbers]
        for each in named:
            if each[-1]:
                each[2]["expires_at"] = NOW - timedelta(minutes=20)
        plans = [storage._prepare_insert(hash_key(key), record_of(*of)) for key, *of, _ in named]
        storage._connection.run_all(list(chain(*(entries for entries, _ in plans))))
        storage._connection.run_all([insert for _, insert in plans])
        keys += [key for key, *_, is_over in named if not is_over]
    return random.sample(keys, PROBED)


# What is printed


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
        for place in places(aliases, servers):
            if place.name in arguments.engines:
                measure = measure_table if place.backend == "db" else measure_redis
                measure(place, arguments.sessions, arguments.idle)


if __name__ == "__main__":
    main()
