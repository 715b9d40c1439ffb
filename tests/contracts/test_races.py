"""Races between 16 workers, in threads or processes, and logging out everywhere.

The workers log one user in, save, change references and take new keys. Meanwhile the user is logged
out everywhere again and again. No session from before such a call is left, no ended session comes
back, and the index agrees with the sessions.

MULTISESSION_ROUNDS sets how often. ``-o log_cli=true --log-cli-level=INFO`` shows the figures.
"""

from __future__ import annotations

import logging
import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from random import random
from threading import Event
from types import SimpleNamespace

import pytest
from django.db import connections

from django_multisession import sessions, signals
from django_multisession.backends import memory
from django_multisession.core.expiry import utcnow
from django_multisession.session import SessionGone
from support import races, redis_servers, subjects
from support.dynamodb_servers import DYNALITE, MOTO
from support.project import store_on
from support.race_judge import Caller, Judge
from support.servers import wait_until
from support.subjects import build

pytestmark = pytest.mark.thorough

ROUNDS = int(os.environ.get("MULTISESSION_ROUNDS", "2"))
PROCESSES = 4
WORKERS = [f"worker {number}" for number in range(16)]
PAUSE = 0.05  # seconds between two calls, and between two requests of a worker, at most
PAUSES = {"cluster": 0.2, "dynamodb": 1.0, "dynalite": 0.5}  # of workers, on slow servers

REDIS = {"redis": redis_servers.ALONE, "cluster": redis_servers.CLUSTER}
DYNAMODB = {"dynamodb": MOTO, "dynalite": DYNALITE}
DATABASES = ("sqlite", "postgres", "mariadb")

logger = logging.getLogger(__name__)


@pytest.fixture
def storage(kind, clock, settings, monkeypatch, request):
    """Return the storage that the site is configured to use."""
    if kind in DYNAMODB:
        monkeypatch.setitem(subjects.STORAGES, kind, subjects.dynamodb(patient(kind)))
    settings.SESSION_ENGINE = memory.__name__
    settings.MULTISESSION_REFERENCES = races.REFERENCES
    for storage in build(kind, clock, request):
        storage.clock = utcnow  # the clock of all processes
        monkeypatch.setattr(memory.SessionStore, "storage", storage)
        yield storage


def patient(kind):
    """Allow for moto, which handles one request at a time, so that sixteen wait for long."""
    return SimpleNamespace(options={**DYNAMODB[kind].options, "config": {"read_timeout": 60}})


@pytest.mark.parametrize("kind", [*DATABASES, "prepared", "mysql", *REDIS, *DYNAMODB])
def test_threads(storage, kind):
    over, store, pause = Event(), store_on(storage), PAUSES.get(kind, PAUSE)
    with ThreadPoolExecutor(1) as pool:
        race(pool, over, [(races.work, store, pause, WORKERS, over.is_set)], f"{kind}, threads")


@pytest.fixture(scope="module")
def shared():
    """Return an event that all processes share."""
    return get_context("spawn").Event()


@pytest.fixture(scope="module")
def processes(shared):
    """Return a pool of processes, each of which sets up Django once."""
    context = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, races.begin, [shared]) as pool:
        yield pool


@pytest.mark.parametrize("kind", [*DATABASES, *REDIS, *DYNAMODB])
def test_processes(storage, kind, processes, shared):
    databases = {alias: connections[alias].settings_dict for alias in connections}
    facts = (storage_arguments(kind, storage), databases, PAUSES.get(kind, PAUSE))
    names = (WORKERS[first::PROCESSES] for first in range(PROCESSES))
    tasks = [(races.work_there, *facts, each) for each in names]
    shared.clear()
    race(processes, shared, tasks, f"{kind}, processes")


def storage_arguments(kind, storage):
    """Return the class and the arguments from which another process builds the storage."""
    if kind in REDIS:
        arguments = {"url": REDIS[kind].url, "prefix": storage.connection.prefix}
        return "redis.RedisStorage", arguments
    if kind in DYNAMODB:
        arguments = {"table": storage.table.name, "options": patient(kind).options}
        return "dynamodb.DynamoDBStorage", arguments
    return "db.DatabaseStorage", {"database": storage.database}


def race(pool, over, tasks, name):
    start = time.monotonic()
    with Caller(over) as caller:
        with at_work(pool, over, tasks) as (deeds, is_broken):
            all_have_begun(is_broken)
            rounds(caller, is_broken)
        last = caller.end_matching("org", "nobody's")
    judge = Judge(caller.calls, deeds)
    logger.info(
        "%s: %d rounds, %d ended, %d requests refused, %d missed, %d resurrected, %.1f s",
        *(name, ROUNDS, len(judge.ended), judge.refused()),
        *(len(judge.missed()), len(judge.resurrected()), time.monotonic() - start),
    )
    assert judge.missed() == []
    assert judge.resurrected() == set()
    assert judge.mistaken() == set()
    assert judge.ended
    assert last.left == judge.alive()
    the_index_equals_the_truth()
    one_is_kept()


@contextmanager
def at_work(pool, over, tasks):
    """Run the tasks until the block ends. Then their deeds are in the list that it was given."""
    working, deeds = [pool.submit(*task) for task in tasks], []
    try:
        yield deeds, lambda: any(each.done() for each in working)
    finally:
        over.set()
    deeds += [deed for each in working for deed in each.result()]


def all_have_begun(is_broken):
    seen = set()

    def have():
        seen.update(info.label.rpartition("-")[0] for info in sessions.all())
        return seen >= {*WORKERS} or is_broken()

    wait_until(have, "the first login of everybody")


def rounds(caller, is_broken):
    """Call both functions in each round. Every other round keeps one session."""
    user = races.somebody()
    own = sessions.create(user, label="own")
    for number in range(ROUNDS):
        if is_broken():
            return
        time.sleep(random() * PAUSE)
        keeps = number % 2
        call = caller.log_out_everywhere(user, keep=own if keeps else None)
        assert (own.handle in call.left) is bool(keeps)
        own["n"] = number
        if keeps:
            own.save()
        else:
            with pytest.raises(SessionGone):
                own.save()
            own = sessions.create(user, label="own")
        time.sleep(random() * PAUSE)
        caller.end_matching("org", "1")
    assert own.touch()
    own.flush()


def the_index_equals_the_truth():
    """Check that each session is found by what its fields say, once all workers have stopped."""
    said = {info.handle: info.data() for info in sessions.all()}
    for name, field in races.REFERENCES.items():
        for value in ("1", "2", "3"):
            found = {info.handle for info in sessions.find(name, value)}
            assert found == {handle for handle, data in said.items() if data.get(field) == value}


def one_is_kept():
    own, other = (sessions.create(races.somebody(), data={"org_id": "1"}) for _ in range(2))
    left = sessions.count()
    assert sessions.log_out_everywhere(races.USER, keep=own) == left - 1
    assert [info.handle for info in sessions.for_user(races.USER)] == [own.handle]
    assert [info.handle for info in sessions.find("org", "1")] == [own.handle]
    assert sessions.count() == 1
    assert not other.touch()
    own.flush()


@pytest.mark.parametrize("kind", ["memory", *DATABASES, *REDIS, *DYNAMODB])
def test_who_logs_in_again_at_once_does_not_keep_it_going(kind, storage):
    user, told = races.somebody(), []

    def log_in_again(handle, **facts):
        told.append(handle)
        if len(told) < 50:
            sessions.create(user)

    sessions.create(user)
    signals.session_ended.connect(log_in_again)
    try:
        assert sessions.log_out_everywhere(user) < 50
    finally:
        signals.session_ended.disconnect(log_in_again)
