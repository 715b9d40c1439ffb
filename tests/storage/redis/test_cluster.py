"""Tests of a cluster whose slots move from node to node while sessions are used."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.storage.redis import RedisStorage
from support.cluster_slots import half_moved, move
from support.event_loops import lasting
from support.project import store_on
from support.subjects import make_record
from support.visitors import LOST, Load

A, B, C = "A" * 43, "B" * 43, "C" * 43
SESSION, REFERENCE = "ours:{AA}:" + A[2:], "ours:user=1"


@pytest.fixture
def storage(cluster, clock):
    for node in cluster.nodes:
        node.client.flushall()
    return RedisStorage(url=cluster.url, prefix="ours", clock=clock)


@pytest.fixture
def verbs(storage, dialect):
    yield from lasting(dialect, storage)


def every_call(verbs, clock):
    """Return a call of each verb, on one session A of user 1, and its expected answer."""
    record = make_record(clock, references={"user": "1"}, fields={"a": b"1"})
    listed = make_record(clock, references={"user": "1"})
    return [
        (lambda: verbs.insert(A, record), True),
        (lambda: verbs.insert(A, record), False),
        (lambda: verbs.read(A), record),
        (lambda: verbs.read(A, ()), listed),
        (lambda: verbs.update(A, Change(set={"a": b"2"})), True),
        (lambda: verbs.update(A, Change(set={"a": b"1"}, references={"user": "2"})), True),
        (lambda: verbs.update(A, Change(references={"user": "1"})), True),
        (lambda: verbs.find("user", "1"), [(A, listed)]),
        (verbs.page, ([(A, listed)], None)),
        (verbs.count, 1),
        (lambda: verbs.rename(A, B, Change()), True),
        (lambda: verbs.rename(B, A, Change()), True),
        (lambda: verbs.delete(A), listed),
        (lambda: verbs.insert(A, record), True),
        (lambda: verbs.delete_matching("user", "1"), [(A, listed)]),
        (lambda: verbs.insert(A, record), True),
        (lambda: clock.advance(days=15), None),
        (verbs.purge, 1),
        (verbs.clear, 0),
    ]


@pytest.mark.parametrize("key", [SESSION, REFERENCE])
def test_whoever_knows_the_old_place_finds_the_new_one(cluster, verbs, clock, key):
    for call, answer in every_call(verbs, clock):
        move(cluster, key)
        assert call() == answer


@pytest.mark.parametrize("key", [SESSION, REFERENCE])
def test_what_is_on_its_way_is_found(cluster, verbs, clock, key):
    record = make_record(clock, references={"user": "1"}, fields={"a": b"1"})
    listed = make_record(clock, references={"user": "1"})
    calls = [
        (lambda: verbs.read(A), record),
        (lambda: verbs.read(A, ()), listed),
        (lambda: verbs.update(A, Change(set={"a": b"2"})), True),
        (lambda: verbs.update(A, Change(references={"user": "2"})), True),
        (lambda: verbs.update(A, Change(references={"user": "1"})), True),
        (lambda: verbs.find("user", "1"), [(A, listed)]),
        (verbs.page, ([(A, listed)], None)),
        (verbs.count, 1),
        (verbs.purge, 0),
        (lambda: verbs.delete_matching("user", "1"), [(A, listed)]),
        (lambda: clock.advance(seconds=1), None),
    ]
    verbs.insert(A, record)
    for call, answer in calls:
        with half_moved(cluster, key):
            assert call() == answer


def test_a_new_session_waits_for_its_slot(cluster, verbs, clock):
    """Redis does not let a script write two keys if only one has arrived at the new node."""
    moving = half_moved(cluster, SESSION)
    moving.__enter__()
    end = threading.Timer(0.1, moving.__exit__, (None, None, None))
    end.start()
    assert verbs.insert(A, make_record(clock)) is True
    end.join()
    assert verbs.read(A) == make_record(clock)


def test_many_are_listed_while_one_is_on_its_way(cluster, verbs, clock):
    ids = [f"{number:02}{'x' * 41}" for number in range(40)]
    record = make_record(clock, references={"user": "1"})
    for id in (A, *ids):
        verbs.insert(id, record)
    with half_moved(cluster, SESSION):
        assert sorted(id for id, _ in verbs.find("user", "1")) == sorted([A, *ids])
        assert (len(verbs.page()[0]), verbs.count()) == (41, 41)
    move(cluster, SESSION)
    assert len(verbs.find("user", "1")) == 41
    move(cluster, SESSION)
    assert (len(verbs.page()[0]), verbs.count()) == (41, 41)
    move(cluster, SESSION)
    assert len(verbs.delete_matching("user", "1")) == 41
    assert verbs.count() == 0


def test_people_notice_nothing(cluster, verbs, storage):
    """No session is lost, neither if all its keys have moved nor if only some have."""
    store = store_on(storage)
    with Load([store] * 4) as load:
        for visitor in load.visitors[:2] * 3:
            load.go_on()
            move(cluster, storage.keys.session(keys.hash_key(visitor.key)))
        load.go_on()
    assert not load.losses
    assert len(load.visitors) > 4
    for visitor in load.visitors:
        visitor.recognise(visitor.store(visitor.key))
    handles = {keys.hash_key(visitor.key) for visitor in load.visitors}
    assert {id for id, _ in verbs.page(limit=10_000)[0]} == handles
    assert verbs.count() == len(handles)


def test_tasks_notice_nothing(cluster, storage):
    store, is_over = store_on(storage), threading.Event()
    holders = [store() for _ in range(8)]
    for holder in holders:
        holder["n"] = 0
        holder.save()

    async def visit(key):
        number = 0
        while not is_over.is_set():
            holder = store(key)
            assert await holder.aget("n") == number
            number += 1
            await holder.aset("n", number)
            await holder.asave()
        return number

    async def visit_all():
        return await asyncio.gather(*[visit(holder.session_key) for holder in holders])

    def move_some():
        try:
            for holder in holders[:2] * 3:
                move(cluster, storage.keys.session(holder.handle))
        finally:
            is_over.set()

    moving = threading.Thread(target=move_some)
    moving.start()
    counts = asyncio.run(visit_all())
    moving.join()
    assert [store(holder.session_key)["n"] for holder in holders] == counts


def test_scripts_are_forgotten_between_any_two_calls(cluster, verbs, clock):
    for call, answer in every_call(verbs, clock):
        for node in cluster.nodes:
            node.client.script_flush()
        assert call() == answer


def test_a_loop_that_ends_after_a_failure_leaves_no_connection(cluster, clock):
    """redis-py's client believes that it is closed after a command has failed."""
    options = {"client_name": "of-a-loop", "socket_timeout": 0.2}
    storage = RedisStorage(url=cluster.url, options=options, prefix="ours")

    async def fail():
        await storage.ainsert(A, make_record(clock))
        for node in cluster.nodes:
            node.client.client_pause(10_000, all=False)
        with pytest.raises(LOST):
            await storage.ainsert(B, make_record(clock))

    def connections():
        clients = [client for node in cluster.nodes for client in node.client.client_list()]
        return [client for client in clients if client["name"] == "of-a-loop"]

    gc.disable()  # it would close forgotten connections
    try:
        asyncio.run(fail())
        for node in cluster.nodes:
            node.client.client_unpause()
        deadline = time.monotonic() + 2
        while (remaining := connections()) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        gc.enable()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the connections this test is about
            gc.collect()
    assert remaining == []
    assert storage.async_connection.clients == {}
