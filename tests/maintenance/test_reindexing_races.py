"""`reindexsessions` while the site runs: the index is correct afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random

import pytest
from django.db import connections

from django_multisession import conf, sessions
from django_multisession.backends.memory import SessionStore
from django_multisession.core import references
from django_multisession.maintenance import reindexing
from django_multisession.session import SessionGone
from support.project import install
from support.servers import wait_until

pytestmark = pytest.mark.thorough

OLD = {"user": "_auth_user_id", "team": "team_id"}
NEW = {"user": "_auth_user_id", "org": "org_id"}

WORKERS, SESSIONS = 4, 6  # of each
ROUNDS = 3


class Worker:
    """A thread that logs in and out, changes the organisation, cycles keys and touches."""

    def __init__(self, number):
        self.random = Random(number)
        self.keys = [made(number) for number in range(SESSIONS)]
        self.actions = [self.log_in, self.move, self.log_out, self.look, self.renew]
        self.requests = 0

    def run(self, over, pause):
        while not over.wait(pause):
            self.request(self.random.randrange(len(self.keys)))
            self.requests += 1

    def request(self, number):
        holder = SessionStore(self.keys[number])
        with suppress(SessionGone):
            self.random.choice(self.actions)(holder)
        self.keys[number] = holder.session_key or made(number)

    def log_in(self, holder):
        holder.cycle_key()
        holder["_auth_user_id"] = str(self.random.randrange(3))
        holder.save()

    def move(self, holder):
        holder["org_id"] = self.random.randrange(3)
        holder.save()

    def log_out(self, holder):
        holder.flush()

    def look(self, holder):
        holder.get("org_id")
        holder.touch()

    def renew(self, holder):
        holder.cycle_key()


def made(number):
    data = {"_auth_user_id": str(number % 3), "org_id": number % 3, "team_id": number % 2}
    return sessions.create(data=data).session_key


@pytest.fixture
def project(real_storage, settings, monkeypatch):
    install(real_storage, settings, monkeypatch)
    settings.MULTISESSION_REFERENCES = OLD
    return settings


@pytest.fixture
def pool():
    """A thread pool whose database connections are closed at the end."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield pool
        together = threading.Barrier(WORKERS)
        list(pool.map(lambda _: (together.wait(20), connections.close_all()), range(WORKERS)))


def test_nothing_is_wrong_afterwards(project, real_storage, pool):
    is_slow = type(real_storage).__name__ == "DynamoDBStorage"  # moto serves one request at a time
    rounds, pause = (1, 0.2) if is_slow else (ROUNDS, 0)
    workers = [Worker(number) for number in range(WORKERS)]
    for round in range(rounds):
        project.MULTISESSION_REFERENCES = (NEW, OLD)[round % 2]
        over, starts = threading.Event(), {worker: worker.requests for worker in workers}
        running = [pool.submit(worker.run, over, pause) for worker in workers]
        try:
            wait_until(lambda: all(w.requests > n for w, n in starts.items()), "requests")
            reindexing.reindex()
        finally:
            over.set()
            assert [each.result() for each in running] == [None] * WORKERS
        assert_indexed_rightly(real_storage)


def assert_indexed_rightly(storage):
    """Assert that stored references, fields and index agree."""
    expected = {}
    for info in sessions.all():
        said = references.resolve(info.data(), conf.references())
        assert info.references == said
        for item in said.items():
            expected.setdefault(item, set()).add(info.handle)
    for name in {**OLD, **NEW}:
        for value in "012":
            found = {id for id, _ in storage.find(name, value)}
            assert found == expected.get((name, value), set())
