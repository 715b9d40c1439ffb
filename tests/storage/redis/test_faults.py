"""Tests of a Redis server that dies, forgets its scripts, or is full."""

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

A, B, C = "A" * 43, "B" * 43, "C" * 43
MANY = [f"{number:02}{'x' * 41}" for number in range(30)]  # each in a bucket of its own


@pytest.fixture(scope="module")
def server():
    """A server for these tests that writes every change to its disk before it answers."""
    with running(Node("--appendonly", "yes", "--appendfsync", "always")) as node:
        yield node


@pytest.fixture
def storage(server, clock):
    if server.process.poll() is not None:  # a test has failed while the server was down
        server.start()
    server.client.flushall()
    return RedisStorage(url=server.url, clock=clock)


@pytest.fixture
def verbs(storage, dialect):
    return dialect(storage)


def every_call(verbs, clock):
    """Return a call of each verb, on one session A of user 1, and its expected answer."""
    record = make_record(clock, references={"user": "1"})
    return [
        (lambda: verbs.insert(A, record), True),
        (lambda: verbs.read(A), record),
        (lambda: verbs.read(A, ("a",)), record),
        (lambda: verbs.update(A, Change(label="x")), True),
        (lambda: verbs.update(A, Change(label="")), True),
        (lambda: verbs.rename(A, B, Change()), True),
        (lambda: verbs.find("user", "1"), [(B, record)]),
        (verbs.page, ([(B, record)], None)),
        (verbs.sample, ([(B, record)], 1)),
        (verbs.count, 1),
        (verbs.purge, 0),
        (lambda: verbs.delete(B), record),
        (lambda: verbs.insert(A, record), True),
        (lambda: verbs.delete_matching("user", "1"), [(A, record)]),
        (lambda: verbs.insert(A, record), True),
        (verbs.clear, 1),
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
    def test_every_call_raises_until_it_is_back(self, server, verbs, clock, is_warm):
        if is_warm:
            verbs.read(A)
        server.kill()
        for call, _ in every_call(verbs, clock):
            with pytest.raises(LOST, match="MULTISESSION_REDIS_URL"):
                call()
        server.start()  # it does not know our scripts any more
        for call, answer in every_call(verbs, clock):
            assert call() == answer

    def test_every_method_of_a_session_raises_and_then_goes_on(self, server, storage):
        is_raised_by_every_method(store_on(storage), server, server.start, LOST)

    def test_browsers_keep_their_cookies(self, server, site):
        logs_nobody_out(site, server, server.start)


class TestForgottenScripts:
    def test_between_any_two_calls(self, server, verbs, clock):
        for call, answer in every_call(verbs, clock):
            server.client.script_flush()
            assert call() == answer

    def test_among_the_calls_of_a_pipeline(self, server, verbs, clock):
        """Only the commands whose script is unknown are repeated."""
        for id in MANY:
            verbs.insert(id, make_record(clock, expires_at=clock.now + timedelta(hours=1)))
        clock.advance(hours=2)
        server.client.script_flush()
        assert [verbs.purge(len(MANY) - 1), verbs.purge()] == [len(MANY) - 1, 1]

    def test_whenever_it_happens(self, server, storage):
        is_over = threading.Event()

        def forget():
            while not is_over.is_set():
                server.client.script_flush()

        thread = threading.Thread(target=forget)
        thread.start()
        try:
            with Load([store_on(storage)] * 3) as load:
                for _ in range(5):
                    load.go_on()
        finally:
            is_over.set()
            thread.join()
        assert not load.losses


class TestFull:
    @pytest.fixture
    def full(self, server):
        """Return a function that makes the server full."""

        def fill():
            server.client.config_set("maxmemory", server.client.info("memory")["used_memory"] // 2)

        server.client.config_set("maxmemory-policy", "noeviction")
        yield fill
        server.client.config_set("maxmemory", 0)

    def test_writing_raises_and_everything_else_goes_on(self, verbs, clock, full):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        for id in (A, B):
            verbs.insert(id, record)
        full()
        writes = [
            lambda: verbs.insert(C, record),
            lambda: verbs.update(A, Change(set={"a": b"2"})),
            lambda: verbs.update(A, Change(references={"user": "2"})),
        ]
        for write in writes:
            with pytest.raises(OutOfMemoryError):
                write()
        assert (verbs.read(A), verbs.read(B), verbs.read(C)) == (record, record, None)
        assert [id for id, _ in verbs.find("user", "1")] == [A, B]
        assert (verbs.count(), verbs.purge()) == (2, 0)
        assert verbs.delete(A).references == {"user": "1"}
        assert len(verbs.delete_matching("user", "1")) == 1

    @pytest.mark.parametrize("change", [Change(), Change(set={"b": b"2"}, unset={"a"})], ids=str)
    def test_a_write_is_done_whole_or_not_at_all(self, verbs, clock, full, change):
        """Redis lets a script finish if it has removed something first."""
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"})
        verbs.insert(A, record)
        verbs.insert(B, record)
        full()
        changed = change.apply_to(record)
        updated = self.succeeds(verbs.update, A, change)
        renamed = self.succeeds(verbs.rename, B, C, change)
        assert verbs.read(A) == (changed if updated else record)
        assert [verbs.read(B), verbs.read(C)] == ([None, changed] if renamed else [record, None])
        assert {id for id, _ in verbs.find("user", "1")} == {A, C if renamed else B}

    def succeeds(self, verb, *args):
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
