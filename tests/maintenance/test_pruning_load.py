"""Pruning a large site while it is used, and after an interrupted run."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections

from django_multisession.storage.db import DatabaseStorage
from django_multisession.storage.redis import RedisStorage
from support.databases import require
from support.project import store_on
from support.prune_processes import LEASE, add, begun, done, ended, environment
from support.redis_servers import Node
from support.servers import running, wait_until

pytestmark = pytest.mark.thorough

EXPIRED, LIVE, CLIENTS = 100_000, 10_000, 4
HOURS, DAY = timedelta(hours=-3), timedelta(days=1)
FURTHER = {"user": "1", "org": "7"}
COLUMNS = "data, user_ref, more_references, created_at, last_seen_at, expires_at, purge_at, "
COLUMNS += "user_agent, label"
SESSIONS, INDEX = "django_multisession_session", "django_multisession_sessionreference"


@pytest.fixture
def storage(databases):
    require("postgres")
    storage = DatabaseStorage(database="postgres")
    storage.clear()
    yield storage
    storage.clear()


@pytest.fixture
def project_environment(storage):
    """The environment of a command whose database is that of the storage."""
    entry = connections["postgres"].settings_dict
    names = ("ENGINE", "NAME", "HOST", "PORT", "USER", "PASSWORD")
    default = {name: entry[name] for name in names}
    return environment(DATABASES=json.dumps({"default": default}))


def execute(sql):
    with connections["postgres"].cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def multiply(storage, number, end, letter="x", **facts):
    """Store ``number`` equal sessions, with their index entries.

    The first one gets an id of `id_of`; the handles of all others begin with ``letter``.
    """
    (id,) = add(storage, 1, end, first=ord(letter), **facts)
    execute(
        f"INSERT INTO {SESSIONS} (handle, {COLUMNS}) SELECT lpad(n::text, 43, '{letter}'), "
        f"{COLUMNS} FROM {SESSIONS}, generate_series(2, {number}) n WHERE handle = '{id}'"
    )
    execute(
        f"INSERT INTO {INDEX} (session_id, name, value) SELECT s.id, name, value FROM {INDEX}, "
        f"{SESSIONS} s WHERE s.handle LIKE '{letter}%'"
    )
    execute(f"ANALYZE {SESSIONS}")


def memory_of(process):
    """Return the memory that a process has now (its resident set), in MiB."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


class Clients:
    """Threads that load and save live sessions, and check that no save is lost."""

    def __init__(self, store):
        self.store, self.is_over, self.saves = store, threading.Event(), 0
        self.pool = ThreadPoolExecutor(CLIENTS)

    def __enter__(self):
        self.runs = [self.pool.submit(self.run) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *error):
        self.is_over.set()
        self.pool.shutdown()
        self.saves = sum(run.result() for run in self.runs)

    def run(self):
        try:
            return self.use([self.begin() for _ in range(20)])
        finally:
            connections.close_all()

    def begin(self):
        session = self.store()
        session["n"] = 0
        session.set_expiry(3600)
        session.save()
        return session.session_key

    def use(self, keys):
        number = 0
        while not self.is_over.is_set():
            number += 1
            for key in keys:
                session = self.store(key)
                assert session["n"] == number - 1
                session["n"] = number
                session.save()
        assert {self.store(key)["n"] for key in keys} == {number}
        return number * len(keys)


def test_it_prunes_while_clients_load_and_save(storage, project_environment):
    multiply(storage, LIVE, DAY, "y", references={"user": "2"})
    multiply(storage, EXPIRED, HOURS, references=FURTHER)
    sizes = []
    with (
        Clients(store_on(storage)) as clients,
        begun(project_environment, "--json", "--pause", "0.01") as process,
    ):
        wait_until(lambda: storage.count(expired_only=True) < EXPIRED * 0.9, "the first batches")
        while process.poll() is None and storage.count(expired_only=True) > EXPIRED * 0.1:
            sizes.append(memory_of(process))
        outcome = ended(process)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.facts[0]["pruned"] == EXPIRED
    assert (storage.count(expired_only=True), storage.count()) == (0, LIVE + CLIENTS * 20)
    assert execute(f"SELECT count(*) FROM {INDEX}") == 0
    assert clients.saves > CLIENTS * 20
    assert max(sizes) - sizes[0] < 8, sizes[:: len(sizes) // 10 + 1]


def test_two_at_once_share_the_work(storage, project_environment):
    multiply(storage, 20_000, HOURS, references=FURTHER)
    with begun(project_environment, "--json", "--batch-size", "200") as first:
        second = done(project_environment, "--json", "--batch-size", "200")
        outcomes = [ended(first), second]
    assert [(outcome.status, outcome.stderr) for outcome in outcomes] == [(0, "")] * 2
    last = done(project_environment, "--json")
    assert sum(each.facts[0]["pruned"] for each in [*outcomes, last]) == 20_000
    assert storage.count(expired_only=True) == execute(f"SELECT count(*) FROM {INDEX}") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_signal_in_the_middle_leaves_a_consistent_rest(storage, project_environment, number):
    multiply(storage, 20_000, HOURS, references=FURTHER)
    options = "--json", "--batch-size", "100", "--pause", "0.02"
    with begun(project_environment, *options) as process:
        wait_until(lambda: storage.count(expired_only=True) < 19_000, "the first batches")
        process.send_signal(number)
        outcome = ended(process, within=3)
    assert outcome.status == 3
    assert "Stopped early" in outcome.stderr
    (facts,) = outcome.facts
    assert facts["status"] == "partial"
    rest = 20_000 - facts["pruned"]
    assert storage.count(expired_only=True) == execute(f"SELECT count(*) FROM {INDEX}") == rest > 0
    assert done(project_environment, "--json").facts[0]["pruned"] == rest


def test_sigkill_in_the_middle_leaves_what_the_next_run_prunes(storage, project_environment):
    multiply(storage, 20_000, HOURS, references=FURTHER)
    with begun(project_environment, "--batch-size", "100", "--pause", "0.002"):
        wait_until(lambda: storage.count(expired_only=True) < 19_000, "the first batches")
    rest = storage.count(expired_only=True)
    assert done(project_environment, "--json").facts[0]["pruned"] == rest > 0
    assert storage.count(expired_only=True) == execute(f"SELECT count(*) FROM {INDEX}") == 0


def test_it_goes_on_after_the_server_was_restarted(storage, project_environment):
    with begun(project_environment, "--every", "1", "--skip-checks") as process:
        wait_until(lambda: storage.active_leases([LEASE]), "its lease")
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        if "prepared" in connections:  # to the same database, so it was terminated as well
            connections["prepared"].close()
        add(storage, 1, HOURS)
        try:
            wait_until(lambda: storage.count(expired_only=True) == 0, "the next turn")
        finally:
            process.terminate()
            outcome = ended(process)
            storage.acquire_lease(LEASE, "nobody", storage.clock())
    assert outcome.status == 0


@pytest.fixture(scope="module")
def server():
    """A Redis of the test's own that writes every change to disk before it answers."""
    with running(Node("--appendonly", "yes", "--appendfsync", "always")) as node:
        yield node


def test_a_server_killed_in_the_middle(server):
    storage = RedisStorage(url=server.url)
    add(storage, 2000, timedelta(minutes=-30), references={"user": "1"})
    live = add(storage, 5, DAY, first=5000)
    backend = {"ENGINE": "django_multisession.backends.redis", "SESSION_BACKEND": "redis"}
    project_environment = environment(MULTISESSION_REDIS_URL=server.url, **backend)
    options = "--json", "--batch-size", "100", "--pause", "0.05", "--skip-checks"
    with begun(project_environment, *options) as process:
        wait_until(lambda: storage.count(expired_only=True) < 1800, "the first batches")
        server.kill()
        outcome = ended(process)
    (facts,) = outcome.facts
    assert (outcome.status, facts["status"]) == (1, "failed")
    assert f"127.0.0.1:{server.port}" in facts["error"]
    assert outcome.stderr.endswith("Pruning failed: django_multisession.backends.redis.\n")
    server.start()
    rest = storage.count(expired_only=True)
    assert 2000 - facts["pruned"] - 100 <= rest <= 2000 - facts["pruned"]
    assert done(project_environment, *options).facts[0]["pruned"] == rest
    assert (storage.count(expired_only=True), storage.count()) == (0, len(live))
