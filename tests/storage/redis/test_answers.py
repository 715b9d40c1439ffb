"""Tests of answers that are lost or late, although the server has executed the command."""

from __future__ import annotations

import asyncio

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.redis import RedisStorage
from django_multisession.storage.redis.commands import END, INSERT, UPDATE
from support.event_loops import lasting
from support.interruptions import given_up
from support.proxies import Fate, Proxy
from support.redis_servers import HOST, Node, wait_until
from support.servers import running
from support.subjects import make_record

A, B, C = "A" * 43, "B" * 43, "C" * 43
TIMEOUT = 1.0  # seconds; a busy machine may need some tenths


@pytest.fixture(scope="module")
def server():
    with running(Node()) as node:
        yield node


@pytest.fixture
def fate():
    return Fate()


@pytest.fixture
def storage(server, fate, clock):
    server.client.flushall()
    proxy = Proxy(server, fate)
    url = f"redis://{HOST}:{proxy.port}"
    storage = RedisStorage(url=url, options={"socket_timeout": TIMEOUT}, clock=clock)
    storage.insert(C, make_record(clock))
    storage.update(C, Change())
    storage.delete(C)  # so that the server knows the scripts
    storage.insert(B, make_record(clock, label="b", references={"user": "1"}))
    yield storage
    proxy.close()


@pytest.fixture
def verbs(storage, dialect):
    return dialect(storage)


@pytest.fixture(params=[True, False], ids=["hung up", "late"])
def lose(request, fate):
    """Lose the next answer: the connection is closed, or the answer comes too late."""
    yield lambda word="EVALSHA": fate.lose(word, hang_up=request.param)
    assert fate.lost == 1


class TestDoneTwice:
    """The client repeats the command, and that changes nothing."""

    def test_an_insert(self, verbs, clock, lose):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1", "org": "2"})
        lose()
        assert verbs.insert(A, record) is True
        assert verbs.read(A) == record
        assert sorted(id for id, _ in verbs.find("user", "1")) == [A, B]
        assert verbs.insert(A, record) is False

    def test_an_insert_under_an_id_that_is_taken(self, verbs, clock, lose):
        lose()
        assert verbs.insert(B, make_record(clock, label="another")) is False
        assert verbs.read(B).label == "b"

    def test_an_update(self, verbs, clock, lose):
        record = make_record(clock, fields={"a": b"1", "b": b"1"}, references={"user": "1"})
        verbs.insert(A, record)
        change = Change(
            set={"a": b"2"}, unset={"b"}, references={"user": None, "org": "2"}, label="x"
        )
        lose()
        assert verbs.update(A, change) is True
        assert verbs.read(A) == change.apply_to(record)
        assert [id for id, _ in verbs.find("user", "1")] == [B]
        assert [id for id, _ in verbs.find("org", "2")] == [A]

    def test_a_new_id(self, verbs, clock, lose):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        verbs.insert(A, record)
        change = Change(set={"a": b"2"}, references={"user": "3"})
        lose()
        assert verbs.rename(A, C, change) is True
        assert (verbs.read(A), verbs.read(C)) == (None, change.apply_to(record))
        assert [id for id, _ in verbs.find("user", "1")] == [B]
        assert [id for id, _ in verbs.find("user", "3")] == [C]

    def test_an_end(self, verbs, lose):
        """The session is ended, but it is not known any more by whom."""
        lose()
        assert verbs.delete(B) is None
        assert verbs.read(B) is None
        assert verbs.find("user", "1") == []

    def test_reading(self, verbs, lose):
        lose("HGETALL")
        assert verbs.read(B).label == "b"


class TestNobodyElses:
    """A connection that still expects an answer is never used again (CVE-2023-28858)."""

    def test_after_a_timeout(self, storage, fate, clock):
        storage.insert(A, make_record(clock, label="A"))
        for _ in range(3):
            fate.lose("HGETALL", hang_up=False)
            assert storage.read(A).label == "A"
            assert [storage.read(id).label for id in (B, A, B)] == ["b", "A", "b"]

    def test_after_a_request_was_given_up_by_a_signal(self, storage, fate, clock):
        storage.insert(A, make_record(clock, label="A"))
        fate.lose("HGETALL", hang_up=False)
        with given_up():
            storage.read(A)
        assert [storage.read(id).label for id in (B, A, B)] == ["b", "A", "b"]

    def test_after_a_task_was_cancelled(self, storage, fate, clock):
        async def run():
            await storage.ainsert(A, make_record(clock, label="A"))
            for _ in range(3):
                fate.lose("HGETALL", hang_up=False)
                task = asyncio.ensure_future(storage.aread(A))
                await asyncio.to_thread(wait_until, lambda: fate.lost, "an answer")
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert [(await storage.aread(id)).label for id in (B, A, B)] == ["b", "A", "b"]

        asyncio.run(run())


class TestCluster:
    """On a cluster a rename takes several steps, and each of them may be repeated."""

    @pytest.fixture
    def storage(self, cluster, fate, clock):
        proxies = [Proxy(node, fate) for node in cluster.nodes]
        ports = {n.port: proxy.port for n, proxy in zip(cluster.nodes, proxies, strict=True)}
        storage = RedisStorage(
            url=f"redis+cluster://{HOST}:{proxies[0].port}",
            options={
                "socket_timeout": TIMEOUT,
                "address_remap": lambda address: (HOST, ports.get(address[1], address[1])),
            },
            clock=clock,
        )
        for node in cluster.nodes:
            node.client.flushall()
        for id in (A, B, C):  # so that every node that is needed knows the scripts
            storage.insert(id, make_record(clock, references={"user": "1"}))
            storage.update(id, Change())
            storage.delete(id)
        yield storage
        for proxy in proxies:
            proxy.close()

    @pytest.fixture
    def verbs(self, storage, dialect):
        """The verbs after a first read.

        In asyncio, redis-py asks any node first and is redirected, past the proxies.
        """
        for verbs in lasting(dialect, storage):
            verbs.read("D" * 43)
            yield verbs

    @pytest.mark.parametrize("script", [INSERT, END], ids=["copied", "ended"])
    def test_a_new_id(self, verbs, clock, lose, script):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        verbs.insert(A, record)
        lose(script.sha)
        assert verbs.rename(A, C, Change(set={"b": b"2"})) is True
        assert verbs.read(C) == Change(set={"b": b"2"}).apply_to(record)
        assert verbs.read(A) is None
        assert [id for id, _ in verbs.find("user", "1")] == [C]

    def test_an_update(self, verbs, clock, lose):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        verbs.insert(A, record)
        change = Change(set={"a": b"2"}, references={"user": "2"})
        lose(UPDATE.sha)
        assert verbs.update(A, change) is True
        assert verbs.read(A) == change.apply_to(record)
        assert [id for id, _ in verbs.find("user", "2")] == [A]
