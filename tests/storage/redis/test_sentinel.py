"""Tests of a failover from a primary to its replica while sessions are used."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest
from django.test import override_settings

from django_multisession.core.expiry import utcnow
from django_multisession.core.record import Change
from django_multisession.storage.redis import RedisStorage
from support.event_loops import InOneLoop
from support.project import store_on
from support.redis_servers import HOST, Sentinel, wait_until
from support.subjects import make_record
from support.visitors import LOST, Load

A, B = "A" * 43, "B" * 43
THREADS = 3  # for each storage
TIMEOUT = 0.3  # seconds
SETTINGS = {"url": "MULTISESSION_REDIS_URL", "alias": "MULTISESSION_REDIS_ALIAS"}
RECORD = make_record(SimpleNamespace(now=utcnow()), label="stored", references={"user": "1"})


def cache(sentinel: Sentinel, database: int) -> dict[str, object]:
    """Return the entry of CACHES that the documentation of django-redis shows."""
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"redis://sessions/{database}",  # django-redis keeps a pool for each database
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.SentinelClient",
            "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
            "SENTINELS": [(HOST, sentinel.port)],
            "SOCKET_TIMEOUT": TIMEOUT,
            "SOCKET_CONNECT_TIMEOUT": TIMEOUT,
        },
    }


def kill(sentinel: Sentinel) -> None:
    sentinel.primary.kill()


def freeze(sentinel: Sentinel) -> None:
    """Stop the primary as if its machine lost power: connections stay open without an answer."""
    sentinel.primary.process.send_signal(signal.SIGSTOP)


def hand_over(sentinel: Sentinel) -> None:
    """Make the replica the primary. The old primary goes on as a replica."""
    sentinel.client.sentinel_failover("sessions")
    wait_until(lambda: sentinel.replica.client.info()["role"] == "master", "a new primary")


EVENTS = [kill, freeze, hand_over]


@pytest.fixture(scope="module", params=EVENTS, ids=lambda event: event.__name__)
def failover(request):
    """A failover under load, of storages with both kinds of setting, and what it has left."""
    sentinel = Sentinel()
    sentinel.start()
    caches = {"default": cache(sentinel, EVENTS.index(request.param))}
    with override_settings(CACHES=caches):
        storages = {
            "url": RedisStorage(url=f"{sentinel.url}?socket_timeout={TIMEOUT}", prefix="url"),
            "alias": RedisStorage(alias="default", prefix="alias"),
        }
        awaited = {kind: InOneLoop(storage) for kind, storage in storages.items()}
        for kind, storage in storages.items():
            assert storage.insert(A, RECORD)
            assert awaited[kind].insert(B, RECORD)
        on_primary = {key for db in range(len(EVENTS)) for key in keys_of(sentinel.primary, db)}
        loads = under_load(storages, sentinel, request.param)
        yield SimpleNamespace(
            sentinel=sentinel,
            storages=storages,
            awaited=awaited,
            loads=loads,
            on_primary=on_primary,
            was_lost=request.param is not hand_over,
        )
        for verbs in awaited.values():
            verbs.close()
    for node in (sentinel, sentinel.primary, sentinel.replica):
        node.remove()


def under_load(storages, sentinel, cause_failover):
    loads = {
        kind: Load([store_on(storage)] * THREADS, is_durable=False)
        for kind, storage in storages.items()
    }
    with loads["url"], loads["alias"]:
        for load in loads.values():
            load.go_on()
            load.secured()
        client = sentinel.primary.client
        client.set("last", "written")  # WAIT waits only for the writes of its own connection
        assert client.wait(1, 5000) == 1
        cause_failover(sentinel)
        for load in loads.values():
            load.go_on()
        # A sentinel with timeouts as short as ours believes for a while that both servers are dead.
        wait_until(lambda: flags(sentinel) == "master", "the sentinel")
    return loads


def flags(sentinel):
    return sentinel.client.sentinel_master("sessions")["flags"]


def keys_of(node, database):
    node.client.select(database)
    return node.client.keys()


@pytest.fixture(params=SETTINGS)
def kind(request):
    return request.param


def test_both_dialects_begin_at_the_primary(failover, kind):
    assert {f"{kind}:{{AA}}:{A[2:]}", f"{kind}:{{BB}}:{B[2:]}"} <= failover.on_primary


def test_whoever_comes_between_is_told(failover, kind):
    losses = failover.loads[kind].losses
    assert all(SETTINGS[kind] in str(loss) for loss in losses)
    assert losses or not failover.was_lost


def test_nobody_is_logged_out_and_what_was_replicated_is_there(failover, kind):
    for visitor in failover.loads[kind].visitors:
        visitor.recognise(visitor.store(visitor.key))


def test_blocking_calls_go_to_the_new_primary(failover, kind):
    check(failover.storages[kind], "blocking")


def test_awaited_calls_go_to_the_new_primary(failover, kind):
    """The client was connected to the old primary and then not used, so the first call may fail."""
    wait_until(lambda: answers(failover.awaited[kind]), "an answer of the new primary")
    check(failover.awaited[kind], "awaited")


def check(verbs, label):
    assert verbs.update(B, Change(label=label)) is True
    assert verbs.read(A) == RECORD
    assert verbs.read(B).label == label
    assert {id for id, _ in verbs.find("user", "1")} == {A, B}
    assert verbs.count() == 2 + THREADS


def answers(verbs):
    try:
        return verbs.read(A)
    except LOST:
        return None
