"""No caller gets another session's item: after a fork, a late answer, or another mix-up."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from botocore.exceptions import ReadTimeoutError

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import client_pool, encoding, leases
from django_multisession.storage.dynamodb.encoding import WrongAnswer
from support.dynamodb_answers import error
from support.dynamodb_readers import IDS, SEEDS, aread_often, is_own, place, read_often
from support.dynamodb_worlds import LATER, TIMEOUT
from support.forks import complaint, fork
from support.interruptions import given_up
from support.project import store_on
from support.servers import wait_until

CHILDREN, READS = 2, 45
A, B, C, D = *IDS[:3], "D" * 43


@pytest.fixture(scope="module")
def the_place():
    with place() as the_place:
        yield the_place


@pytest.fixture
def there(the_place):
    yield the_place
    the_place.clear()


class TestForks:
    @pytest.fixture
    def storage(self, there):
        """A storage behind the proxy, which keeps connections open; moto does not."""
        return there.storage()

    def test_each_reads_its_own(self, storage):
        with ThreadPoolExecutor(4) as pool:  # more connections than one
            list(pool.map(partial(read_often, storage, times=5), IDS[:4]))
        client = storage.connection.pool.client
        children = [fork(partial(read_often, storage, id, READS)) for id in IDS[:CHILDREN]]
        read_often(storage, IDS[CHILDREN], READS)
        assert [complaint(*child) for child in children] == [""] * CHILDREN
        assert storage.connection.pool.client is client

    def test_each_awaits_its_own(self, storage):
        def run(id):
            asyncio.run(aread_often(storage, id, READS // 3))
            assert storage.count() == len(IDS)  # with threads for its parts

        run(A)
        children = [fork(partial(run, id)) for id in IDS[:CHILDREN]]
        run(IDS[CHILDREN])
        assert [complaint(*child) for child in children] == [""] * CHILDREN

    def test_a_child_that_ends_as_usual(self, storage):
        """The child does not wait for the threads of its parent."""
        asyncio.run(aread_often(storage, A))
        context = multiprocessing.get_context("fork")
        child = context.Process(target=read_often, args=(storage, B))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there are threads
            child.start()
        child.join(30)
        child.kill()  # if it still waits
        child.join()
        assert child.exitcode == 0

    def test_while_a_thread_makes_the_client(self, storage, monkeypatch):
        """The child does not have that thread, so it must not wait for it."""
        make, begun, go_on = client_pool.make_client, threading.Event(), threading.Event()

        def make_slowly(options):
            begun.set()
            go_on.wait(30)
            return make(options)

        monkeypatch.setattr(client_pool, "make_client", make_slowly)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(storage.read, A)
            begun.wait(30)
            threading.Timer(0.05, go_on.set).start()
            child = fork(partial(read_often, storage, B))
            assert is_own(A, answer.result(30))
        assert complaint(*child) == ""


class TestLateAnswers:
    """A connection with an answer under way is never used again (CVE-2023-28858)."""

    def test_after_a_timeout(self, there):
        config = {"read_timeout": TIMEOUT, "retries": {"total_max_attempts": 2}}
        storage, release = there.storage(config=config), there.delay_reads(2)
        with pytest.raises(ReadTimeoutError):
            storage.read(A)
        release()
        for id in IDS[:10]:
            read_often(storage, id)

    def test_after_it_was_given_up_by_a_signal(self, there):
        storage, release = there.storage(config={"read_timeout": 30}), there.delay_reads()
        storage.connection.pool.client  # which takes a while
        with given_up():
            storage.read(A)
        assert there.proxy.struck == 1
        release()
        for id in IDS[:10]:
            read_often(storage, id)

    def test_after_a_task_was_cancelled(self, there):
        storage, release = there.storage(config={"read_timeout": 30}), there.delay_reads()

        async def run():
            task = asyncio.create_task(storage.aread(A))
            await asyncio.to_thread(wait_until, lambda: there.proxy.struck, "the request")
            task.cancel()
            release()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.gather(*[aread_often(storage, id) for id in IDS[:10]])

        asyncio.run(run())


class TestWrongAnswers:
    """The item that is returned is compared with the one that was requested."""

    @pytest.fixture
    def storage(self, there):
        return there.storage()

    @pytest.fixture
    def mix_up(self, there, storage):
        """Answer a request for a record with another record."""

        def ask_another(request, forward):
            body = {**request.body, "Key": encoding.session_key(B)}
            return forward(replace(request, body=body))

        return lambda: there.proxy.strike(ask_another, "GetItem")

    @pytest.fixture
    def refuse(self, there, storage):
        """Refuse a write, and return another record as the stored one."""
        item = storage._read_item(B)
        reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": item}]
        one = error("ConditionalCheckFailedException", "No", Item=item)
        several = error("TransactionCanceledException", "No", CancellationReasons=reasons)
        answers = {"PutItem": one, "UpdateItem": one, "TransactWriteItems": several}
        return lambda operation: there.proxy.strike(lambda *_: answers[operation], operation)

    def test_a_read(self, storage, mix_up, dialect):
        for names in (None, ["id"]):
            mix_up()
            with pytest.raises(WrongAnswer):
                dialect(storage).read(A, names)

    def test_a_session_does_not_take_it_for_its_end(self, storage, mix_up):
        store = store_on(storage)
        holder = store()
        holder["a"] = 1
        holder.save()
        mix_up()
        visit = store(holder.session_key)
        with pytest.raises(WrongAnswer):
            visit.load()
        assert (visit.session_key, visit["a"]) == (holder.session_key, 1)
        holder.flush()

    def test_a_batch(self, there, storage, dialect):
        storage.update(C, Change(references={"user": "1"}))
        for verb in ("find", "delete_matching"):
            there.proxy.strike(instead([encoding.session_key(B)]), "BatchGetItem")
            with pytest.raises(WrongAnswer):
                getattr(dialect(storage), verb)("user", "1")
        assert there.kept(storage).keys() == SEEDS.keys()

    def test_leases(self, there, storage, dialect):
        storage.acquire_lease(B, "somebody", LATER)
        assert dialect(storage).active_leases([A, B]) == {B: LATER}
        there.proxy.strike(instead(leases.active_leases([B])["Keys"]), "BatchGetItem")
        with pytest.raises(WrongAnswer):
            dialect(storage).active_leases([A])

    @pytest.mark.parametrize(
        ("operation", "change"),
        [
            ("UpdateItem", Change(label="x")),
            ("UpdateItem", Change(expires_at=LATER)),
            ("PutItem", Change(set={f"field {number}": b"1" for number in range(101)})),
        ],
    )
    def test_the_refusal_of_an_update(self, there, storage, refuse, operation, change):
        before = there.kept(storage)
        refuse(operation)
        with pytest.raises(WrongAnswer):
            storage.update(A, change)
        assert there.kept(storage) == before

    def test_a_new_id(self, there, storage, refuse, mix_up):
        before = there.kept(storage)
        for spoil in (mix_up, lambda: refuse("TransactWriteItems")):
            spoil()
            with pytest.raises(WrongAnswer):
                storage.rename(A, D, Change())
        assert there.kept(storage) == before


def instead(keys):
    """Make the storage request a batch of other items."""

    def ask(request, forward):
        (table,) = request.body["RequestItems"]
        batch = {table: {**request.body["RequestItems"][table], "Keys": keys}}
        return forward(replace(request, body={"RequestItems": batch}))

    return ask
