"""Answers that get lost or are late, though the server did what it was told."""

from __future__ import annotations

import asyncio

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.redis import RedisStorage
from django_multisession.storage.redis.commands import END, INSERT, UPDATE
from support.event_loops import lasting
from support.interruptions import given_up
from support.proxies import Fate, Proxy
from support.redis_servers import HOST, Cluster, Node, wait_until
from support.servers import running
from support.subjects import make_record

pytestmark = pytest.mark.thorough

A, B, C = "A" * 43, "B" * 43, "C" * 43
TIMEOUT = 1.0  # seconds; a busy machine may take some tenths


@pytest.fixture(scope="module")
def server():
    with running(Node()) as node:
        yield node


@pytest.fixture(scope="module")
def cluster():
    with running(Cluster()) as cluster:
        yield cluster


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
    storage.delete(C)  # the server knows the scripts now
    storage.insert(B, make_record(clock, label="b", references={"user": "1"}))
    yield storage
    proxy.close()


@pytest.fixture
def it(storage, dialect):
    return dialect(storage)


@pytest.fixture(params=[True, False], ids=["hung up", "late"])
def lose(request, fate):
    """Lose the next answer; how, is the parameter."""
    yield lambda word="EVALSHA": fate.lose(word, hang_up=request.param)
    assert fate.lost == 1


class TestDoneTwice:
    """The client asks again, and that changes nothing."""

    def test_an_insert(self, it, clock, lose):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1", "org": "2"})
        lose()
        assert it.insert(A, record) is True
        assert it.read(A) == record
        assert sorted(id for id, _ in it.find("user", "1")) == [A, B]
        assert it.insert(A, record) is False

    def test_an_insert_under_an_id_that_is_taken(self, it, clock, lose):
        lose()
        assert it.insert(B, make_record(clock, label="another")) is False
        assert it.read(B).label == "b"

    def test_an_update(self, it, clock, lose):
        record = make_record(clock, fields={"a": b"1", "b": b"1"}, references={"user": "1"})
        it.insert(A, record)
        change = Change(
            set={"a": b"2"}, unset={"b"}, references={"user": None, "org": "2"}, label="x"
        )
        lose()
        assert it.update(A, change) is True
        assert it.read(A) == change.apply_to(record)
        assert [id for id, _ in it.find("user", "1")] == [B]
        assert [id for id, _ in it.find("org", "2")] == [A]

    def test_a_new_id(self, it, clock, lose):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        it.insert(A, record)
        change = Change(set={"a": b"2"}, references={"user": "3"})
        lose()
        assert it.rename(A, C, change) is True
        assert (it.read(A), it.read(C)) == (None, change.apply_to(record))
        assert [id for id, _ in it.find("user", "1")] == [B]
        assert [id for id, _ in it.find("user", "3")] == [C]

    def test_an_end(self, it, lose):
        """Who ended it is not known any more, but it is over."""
        lose()
        assert it.delete(B) is None
        assert it.read(B) is None
        assert it.find("user", "1") == []

    def test_reading(self, it, lose):
        lose("HGETALL")
        assert it.read(B).label == "b"


class TestNobodyElses:
    """A connection on which an answer is under way is never used again (CVE-2023-28858)."""

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
    """Where a new id takes several steps, each of which may be done twice."""

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
        for id in (A, B, C):  # scripts are known now, wherever they will be needed
            storage.insert(id, make_record(clock, references={"user": "1"}))
            storage.update(id, Change())
            storage.delete(id)
        yield storage
        for proxy in proxies:
            proxy.close()

    @pytest.fixture
    def it(self, storage, dialect):
        """In asyncio, redis-py asks any node first and is sent on, past the proxies."""
        for it in lasting(dialect, storage):
            it.read("D" * 43)
            yield it

    @pytest.mark.parametrize("script", [INSERT, END], ids=["copied", "ended"])
    def test_a_new_id(self, it, clock, lose, script):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        it.insert(A, record)
        lose(script.sha)
        assert it.rename(A, C, Change(set={"b": b"2"})) is True
        assert it.read(C) == Change(set={"b": b"2"}).apply_to(record)
        assert it.read(A) is None
        assert [id for id, _ in it.find("user", "1")] == [C]

    def test_an_update(self, it, clock, lose):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        it.insert(A, record)
        change = Change(set={"a": b"2"}, references={"user": "2"})
        lose(UPDATE.sha)
        assert it.update(A, change) is True
        assert it.read(A) == change.apply_to(record)
        assert [id for id, _ in it.find("user", "2")] == [A]
