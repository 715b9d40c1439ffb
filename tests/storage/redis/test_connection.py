"""Tests of forks, threads, tasks and event loops that share connections: data is never mixed up."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from asgiref.sync import async_to_sync

from django_multisession.storage.redis import RedisStorage
from support.forks import complaint, fork
from support.redis_servers import Cluster, Node, Sentinel
from support.subjects import make_record

CHILDREN, THREADS, READS = 3, 8, 500
TASKS, LOOPS = 16, 4
IDS = [f"{number:02}{'x' * 41}" for number in range(TASKS * LOOPS)]
NAME = "of-these-tests"  # the server lists our connections under this name


class Servers:
    """The servers of one topology, and the connections to them."""

    def __init__(self, kind):
        self.kind = kind
        self.server = {"sentinel": Sentinel, "cluster": Cluster}.get(kind, Node)()
        self.server.start()
        if kind == "sentinel":  # so that a busy machine does not count as dead
            self.server.client.sentinel_set("sessions", "down-after-milliseconds", 30_000)
        self.nodes = self.server.nodes

    def storage(self, settings, clock):
        options = {"client_name": NAME}
        if self.kind != "alias":
            return RedisStorage(url=self.server.url, options=options, clock=clock)
        cache = "django_redis.cache.RedisCache"
        url = f"{self.server.url}?client_name={NAME}"
        settings.CACHES = {"default": {"BACKEND": cache, "LOCATION": url}}
        return RedisStorage(alias="default", clock=clock)

    def delete_all(self):
        """Delete all sessions. A sentinel has none, and a replica follows its primary."""
        for node in self.nodes:
            if node.client.info()["redis_mode"] != "sentinel" and node.client.role()[0] == "master":
                node.client.flushall()

    def connections(self):
        clients = [(node, client) for node in self.nodes for client in node.client.client_list()]
        return {(node.port, c["id"]) for node, c in clients if c["name"] == NAME}


@pytest.fixture(scope="module", params=["server", "alias", "sentinel", "cluster"])
def servers(request):
    servers = Servers(request.param)
    yield servers
    for node in servers.nodes:
        node.remove()


@pytest.fixture
def storage(servers, settings, clock):
    """A storage with one session for each of the ids."""
    storage = servers.storage(settings, clock)
    servers.delete_all()
    for id in IDS:
        storage.insert(id, make_record(clock, label=id, fields={"id": id.encode()}))
    return storage


def read_often(storage, id, times=READS):
    for _ in range(times):
        record = storage.read(id)
        assert (record.label, record.fields) == (id, {"id": id.encode()})
    return True


async def aread_often(storage, id, times):
    for _ in range(times):
        record = await storage.aread(id)
        assert (record.label, record.fields) == (id, {"id": id.encode()})
    return True


class TestForks:
    def test_each_reads_its_own(self, storage, servers):
        """And a child does not close the connections of its parent."""
        with ThreadPoolExecutor(THREADS) as pool:  # so that there are several connections
            assert all(pool.map(partial(read_often, storage, times=20), IDS[:THREADS]))
        gc.collect()  # connections of other tests
        before = servers.connections()
        children = [fork(partial(read_often, storage, id)) for id in IDS[:CHILDREN]]
        assert read_often(storage, IDS[CHILDREN])
        assert [complaint(*child) for child in children] == [""] * CHILDREN
        assert read_often(storage, IDS[0], times=20)
        assert servers.connections() >= before

    def test_each_awaits_its_own(self, storage):
        def run(id):
            return asyncio.run(aread_often(storage, id, 50))

        assert run(IDS[0])
        children = [fork(partial(run, id)) for id in IDS[:CHILDREN]]
        assert run(IDS[CHILDREN])
        assert [complaint(*child) for child in children] == [""] * CHILDREN


def test_threads_read_their_own(storage):
    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(partial(read_often, storage, times=200), IDS[:THREADS]))


@pytest.mark.usefixtures("closing_is_complete")
class TestLoops:
    @pytest.fixture
    def closing_is_complete(self, storage, servers):
        """Check that no connection and no client remains, in this process and at the server."""
        before = servers.connections()
        gc.collect()
        gc.disable()  # it would close forgotten connections
        yield
        deadline = time.monotonic() + 2  # for the server to notice
        while (remaining := servers.connections() - before) and time.monotonic() < deadline:
            time.sleep(0.02)
        gc.enable()
        gc.collect()  # warns of connections that were not closed
        assert remaining == set()
        assert storage.async_connection.clients == {}

    def test_several_at_once_with_many_tasks(self, storage):
        async def run(ids):
            return await asyncio.gather(*[aread_often(storage, id, 10) for id in ids])

        parts = [IDS[first : first + TASKS] for first in range(0, len(IDS), TASKS)]
        with ThreadPoolExecutor(LOOPS) as pool:
            answers = pool.map(lambda ids: asyncio.run(run(ids)), parts)
            assert list(answers) == [[True] * TASKS] * LOOPS

    def test_one_after_another(self, storage):
        for id in IDS[:20]:
            assert asyncio.run(aread_often(storage, id, 1))

    def test_one_for_every_call_as_under_wsgi(self, storage):
        for id in IDS[:20]:
            assert async_to_sync(aread_often)(storage, id, 1)

    def test_one_that_ends_while_tasks_wait_for_answers(self, storage):
        async def run():
            tasks = [asyncio.create_task(aread_often(storage, id, 1000)) for id in IDS[:TASKS]]
            await asyncio.sleep(0.1)
            assert not any(task.done() for task in tasks)

        asyncio.run(run())
        assert asyncio.run(aread_often(storage, IDS[0], 1))

    def test_a_task_that_is_cancelled_while_it_connects_takes_nobody_along(self, storage):
        async def run():
            tasks = [asyncio.create_task(aread_often(storage, id, 2)) for id in IDS[:4]]
            await asyncio.sleep(0)
            tasks[0].cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            later = asyncio.create_task(aread_often(storage, IDS[4], 1))
            return answers + await asyncio.gather(later, return_exceptions=True)

        first, *others = asyncio.run(run())
        assert isinstance(first, asyncio.CancelledError)
        assert others == [True] * 4

    def test_one_whose_calls_fail(self, storage, servers):
        """The connections are closed by the server; redis-py makes new ones."""

        async def run():
            assert await aread_often(storage, IDS[0], 1)
            for node in servers.nodes:
                node.client.client_kill_filter(_type="normal", skipme=True)
            assert await aread_often(storage, IDS[0], 1)

        asyncio.run(run())


def test_a_loop_that_was_not_ended_properly_is_forgotten_by_the_next(storage):
    """Its connections cannot be closed any more, but its client is not kept."""
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(aread_often(storage, IDS[0], 1))
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert asyncio.run(aread_often(storage, IDS[1], 1))
        assert loop not in storage.async_connection.clients
        del loop
        gc.collect()
