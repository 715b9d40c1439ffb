"""The client: when it is created, from which options, and in which threads it works."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from importlib import import_module

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from botocore.config import Config
from botocore.exceptions import ClientError

from django_multisession import __version__
from django_multisession.storage.dynamodb import DynamoDBStorage, client_pool, connection
from support.dynamodb_readers import IDS, aread_often, place, read_often
from support.dynamodb_worlds import CLOCK
from support.servers import wait_until

pytestmark = pytest.mark.quick

THREADS = 16
WHO = ContextVar("who")


@pytest.fixture(scope="module")
def the_place():
    with place() as the_place:
        yield the_place


@pytest.fixture
def there(the_place):
    yield the_place
    the_place.clear()


class TestLaziness:
    def test_nothing_is_made_before_it_is_needed(self, there, monkeypatch):
        name = "django_multisession.backends.dynamodb"
        monkeypatch.setitem(sys.modules, name, None)  # which is put back in the end
        del sys.modules[name]
        monkeypatch.setattr(client_pool, "make_client", pytest.fail)
        before = threading.active_count(), len(there.proxy.requests)
        there.storage()
        assert import_module(name).SessionStore.storage.connection.current_pool is None
        assert threading.active_count() <= before[0]  # those of other tests end meanwhile
        assert len(there.proxy.requests) == before[1]

    def test_threads_that_come_at_once_make_one(self, there, monkeypatch):
        made, begin = [], threading.Barrier(THREADS)
        for module, name in ((client_pool, "make_client"), (connection, "ClientPool")):
            original = getattr(module, name)
            monkeypatch.setattr(module, name, lambda o, f=original: made.append(f) or f(o))
        storage = there.storage()

        def run(id):
            begin.wait(30)
            read_often(storage, id, 3)

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(run, IDS[:THREADS]))
        assert len(made) == 2


class TestOptions:
    def config(self, storage):
        read_often(storage, IDS[0])
        return storage.connection.pool.client.meta.config

    def test_ours(self, there):
        config = self.config(there.storage())
        assert (config.connect_timeout, config.read_timeout) == (1, 2)
        assert config.retries == {"mode": "standard", "total_max_attempts": 3}
        assert config.max_pool_connections == 2 * (client_pool.VERBS + client_pool.PARTS)
        assert config.tcp_keepalive is True
        headers = there.proxy.requests[-1].headers
        assert headers["User-Agent"].split()[0] == f"django-multisession/{__version__}"
        assert headers["amz-sdk-request"] == "attempt=1; max=3"

    def test_what_cannot_be_wrong_is_not_checked(self, there):
        """The client does not validate parameters; the server does."""
        with pytest.raises(ClientError):
            there.storage().connection.call("get_item", {"TableName": there.table, "Key": {}})

    @pytest.mark.parametrize("kind", [dict, Config])
    def test_theirs_are_merged_into_ours(self, there, kind):
        wanted = kind(read_timeout=7, user_agent_extra="of-the-site", retries={"mode": "adaptive"})
        config = self.config(there.storage(config=wanted))
        assert (config.connect_timeout, config.read_timeout) == (1, 7)
        assert config.retries["mode"] == "adaptive"
        agent = there.proxy.requests[-1].headers["User-Agent"]
        assert agent.startswith("django-multisession/")
        assert agent.endswith("of-the-site")

    def test_all_are_handed_on(self, there):
        keys = {"aws_access_key_id": "ours", "aws_session_token": "token"}
        with pytest.raises(ClientError, match="ResourceNotFound"):  # in that region
            there.storage(**keys, region_name="us-east-1").read(IDS[0])
        headers = there.proxy.requests[-1].headers
        assert "Credential=ours/" in headers["Authorization"]
        assert "/us-east-1/dynamodb/" in headers["Authorization"]
        assert headers["X-Amz-Security-Token"] == "token"

    def test_else_boto3_looks_where_it_always_does(self, there, monkeypatch):
        found = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL": there.proxy.url}
        found |= {"AWS_ACCESS_KEY_ID": "found", "AWS_SECRET_ACCESS_KEY": "secret"}
        for name, value in found.items():
            monkeypatch.setenv(name, value)
        read_often(DynamoDBStorage(table=there.table, clock=CLOCK), IDS[0])
        assert "Credential=found/" in there.proxy.requests[-1].headers["Authorization"]


class TestAwaiting:
    def test_many_tasks_block_neither_the_loop_nor_the_threads_of_others(self, there):
        storage, release = there.storage(config={"read_timeout": 30}), there.delay_reads(len(IDS))

        def wait():
            wait_until(lambda: there.proxy.struck == client_pool.VERBS, "requests in all threads")
            return True

        async def run():
            reads = [asyncio.create_task(aread_often(storage, id)) for id in IDS]
            others = asyncio.to_thread(wait), sync_to_async(wait, thread_sensitive=True)()
            assert await asyncio.wait_for(asyncio.gather(*others), 30) == [True, True]
            assert not any(read.done() for read in reads)
            release()
            await asyncio.gather(*reads)

        async_to_sync(run)()

    def test_it_happens_in_threads_of_ours_with_the_context_of_the_task(self, there):
        seen, storage = [], there.storage()

        def look():
            seen.append((WHO.get(), threading.current_thread().name.partition("_")[0]))
            return CLOCK.now

        async def run(name):
            WHO.set(name)
            await storage.acount()

        storage.clock = look
        for name in ("one", "another"):
            asyncio.run(run(name))
        assert set(seen) == {("one", "multisession-verb"), ("another", "multisession-verb")}

    def test_loops_one_after_another_share_the_client_and_the_threads(self, there):
        storage = there.storage()
        client = storage.connection.pool.client
        before = threading.active_count()
        for id in IDS[:10]:
            asyncio.run(aread_often(storage, id))
            async_to_sync(aread_often)(storage, id)
        assert storage.connection.pool.client is client
        assert threading.active_count() <= before + client_pool.VERBS + 1  # and that of the proxy

    def test_loops_at_once(self, there):
        storage = there.storage()

        async def run(ids):
            await asyncio.gather(*[aread_often(storage, id, 2) for id in ids])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: asyncio.run(run(IDS[n::4])), range(4)))
