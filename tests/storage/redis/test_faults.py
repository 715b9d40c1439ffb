"""A Redis that dies, forgets its scripts, is full, or whose answers get lost on the way."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from redis.exceptions import OutOfMemoryError

from django_multisession.core.record import Change
from django_multisession.storage.redis import RedisStorage
from support.outages import is_raised_by_every_method, logs_nobody_out
from support.project import store_on
from support.redis_servers import Node
from support.servers import running
from support.subjects import make_record
from support.visitors import LOST, Load

pytestmark = pytest.mark.thorough

A, B, C = "A" * 43, "B" * 43, "C" * 43
MANY = [f"{number:02}{'x' * 41}" for number in range(30)]  # in as many buckets


@pytest.fixture(scope="module")
def server():
    """A Redis of our own that writes every change to its disk before it answers."""
    with running(Node("--appendonly", "yes", "--appendfsync", "always")) as node:
        yield node


@pytest.fixture
def storage(server, clock):
    if server.process.poll() is not None:  # a test failed while it was down
        server.start()
    server.client.flushall()
    return RedisStorage(url=server.url, clock=clock)


@pytest.fixture
def it(storage, dialect):
    return dialect(storage)


def every_call(it, clock):
    """Each verb, on one session A of user 1, with its answer."""
    record = make_record(clock, references={"user": "1"})
    return [
        (lambda: it.insert(A, record), True),
        (lambda: it.read(A), record),
        (lambda: it.read(A, ("a",)), record),
        (lambda: it.update(A, Change(label="x")), True),
        (lambda: it.update(A, Change(label="")), True),
        (lambda: it.rename(A, B, Change()), True),
        (lambda: it.find("user", "1"), [(B, record)]),
        (it.page, ([(B, record)], None)),
        (it.sample, ([(B, record)], 1)),
        (it.count, 1),
        (it.purge, 0),
        (lambda: it.delete(B), record),
        (lambda: it.insert(A, record), True),
        (lambda: it.delete_matching("user", "1"), [(A, record)]),
        (lambda: it.insert(A, record), True),
        (it.clear, 1),
    ]


class TestKilled:
    def test_nobody_is_logged_out_and_no_save_is_lost(self, server, storage):
        with Load([store_on(storage)] * 6) as load:
            for _ in range(3):
                load.outlive(server)
            load.go_on()
        assert len(load.visitors) > 6
        for visitor in load.visitors:
            visitor.recognise(visitor.store(visitor.key))

    @pytest.mark.parametrize("is_warm", [True, False])
    def test_every_call_raises_until_it_is_back(self, server, it, clock, is_warm):
        if is_warm:
            it.read(A)
        server.kill()
        for call, _ in every_call(it, clock):
            with pytest.raises(LOST, match="MULTISESSION_REDIS_URL"):
                call()
        server.start()  # it knows none of our scripts now
        for call, answer in every_call(it, clock):
            assert call() == answer

    def test_every_method_of_a_session_raises_and_then_goes_on(self, server, storage):
        is_raised_by_every_method(store_on(storage), server, server.start, LOST)

    def test_browsers_keep_their_cookies(self, server, site):
        logs_nobody_out(site, server, server.start)


class TestForgottenScripts:
    def test_between_any_two_calls(self, server, it, clock):
        for call, answer in every_call(it, clock):
            server.client.script_flush()
            assert call() == answer

    def test_among_the_calls_of_a_pipeline(self, server, it, clock):
        """Some scripts are unknown and the others are not asked twice."""
        for id in MANY:
            it.insert(id, make_record(clock, expires_at=clock.now + timedelta(hours=1)))
        clock.advance(hours=2)
        server.client.script_flush()
        assert [it.purge(len(MANY) - 1), it.purge()] == [len(MANY) - 1, 1]

    def test_whenever_it_happens(self, server, storage):
        over = threading.Event()

        def forget():
            while not over.is_set():
                server.client.script_flush()

        thread = threading.Thread(target=forget)
        thread.start()
        try:
            with Load([store_on(storage)] * 3) as load:
                for _ in range(5):
                    load.go_on()
        finally:
            over.set()
            thread.join()
        assert not load.losses


class TestFull:
    @pytest.fixture
    def full(self, server):
        """Make it so."""

        def fill():
            server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] // 2)

        server.client.config_set("maxmemory-policy", "noeviction")
        yield fill
        server.client.config_set("maxmemory", 0)

    def test_writing_raises_and_everything_else_goes_on(self, it, clock, full):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        for id in (A, B):
            it.insert(id, record)
        full()
        writes = [
            lambda: it.insert(C, record),
            lambda: it.update(A, Change(set={"a": b"2"})),
            lambda: it.update(A, Change(references={"user": "2"})),
        ]
        for write in writes:
            with pytest.raises(OutOfMemoryError):
                write()
        assert (it.read(A), it.read(B), it.read(C)) == (record, record, None)
        assert [id for id, _ in it.find("user", "1")] == [A, B]
        assert (it.count(), it.purge()) == (2, 0)
        assert it.delete(A).references == {"user": "1"}
        assert len(it.delete_matching("user", "1")) == 1

    @pytest.mark.parametrize("change", [Change(), Change(set={"b": b"2"}, unset={"a"})], ids=str)
    def test_a_write_is_done_whole_or_not_at_all(self, it, clock, full, change):
        """Redis lets a script finish that has removed something before."""
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        it.insert(A, record)
        it.insert(B, record)
        full()
        changed = change.apply_to(record)
        updated, moved = self.works(it.update, A, change), self.works(it.rename, B, C, change)
        assert it.read(A) == (changed if updated else record)
        assert [it.read(B), it.read(C)] == ([None, changed] if moved else [record, None])
        assert {id for id, _ in it.find("user", "1")} == {A, C if moved else B}

    def works(self, verb, *args):
        try:
            return verb(*args)
        except OutOfMemoryError:
            return False

    def test_browsers_see_an_error_and_keep_their_cookies(self, site, full):
        assert site.get("/sync_count").content == b"1"
        key = site.cookies["sessionid"].value
        full()
        response = site.get("/sync_count")
        assert (response.status_code, dict(response.cookies)) == (500, {})
        assert site.cookies["sessionid"].value == key
        assert site.get("/look").content == b"1"
