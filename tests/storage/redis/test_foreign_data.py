"""Tests of keys and hashes that another program has written where sessions belong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from logging import WARNING

import pytest
from redis.exceptions import ResponseError

from django_multisession.core.record import Change
from django_multisession.storage.redis import RedisStorage
from support.event_loops import lasting
from support.project import store_on
from support.redis_servers import Cluster, Node
from support.servers import running
from support.subjects import make_record

A, B, C = "A" * 43, "a" * 43, "_-" * 21 + "c"
SESSION, BUCKET, REFERENCE = "ours:{AA}:" + A[2:], "ours:{AA}", "ours:user=1"
HIDDEN = "a-secret-value"


@pytest.fixture(scope="module", params=[Node, Cluster])
def server(request):
    with running(request.param()) as server:
        yield server


def session_key(id):
    """Return the key of the session's hash."""
    return f"ours:{{{id[:2]}}}:{id[2:]}"


@pytest.fixture
def storage(server, clock):
    for node in server.nodes:
        node.client.flushall()
    return RedisStorage(url=server.url, prefix="ours", clock=clock)


@pytest.fixture
def client(storage):
    """redis-py's client of the servers; it answers bytes."""
    return storage.topology.client()


@pytest.fixture
def verbs(storage, dialect):
    yield from lasting(dialect, storage)


def keys_of(server):
    return {key for node in server.nodes for key in node.client.scan_iter()}


class TestAnotherType:
    """A key that belongs to another program is never changed."""

    @pytest.fixture(params=[SESSION, BUCKET, REFERENCE])
    def taken(self, request, client):
        """The key of a value of another program. The value is the same after the test."""
        client.set(request.param, HIDDEN)
        yield request.param
        assert client.get(request.param) == HIDDEN.encode()

    def refuses(self, call):
        with pytest.raises(ResponseError, match="'ours': MULTISESSION_REDIS_KEY_PREFIX") as caught:
            call()
        assert HIDDEN not in str(caught.value)

    def test_whoever_meets_it_is_told(self, verbs, clock, taken):
        one, two = (make_record(clock, references={"user": value}) for value in "12")
        verbs.insert(B, two)
        calls = {
            SESSION: [
                lambda: verbs.read(A),
                lambda: verbs.read(A, ("a",)),
                lambda: verbs.insert(A, two),
                lambda: verbs.update(A, Change(label="x")),
                lambda: verbs.rename(A, C, Change()),
                lambda: verbs.delete(A),
            ],
            BUCKET: [
                lambda: verbs.insert(A, two),
                verbs.count,
                verbs.page,
                verbs.purge,
                verbs.clear,
            ],
            REFERENCE: [
                lambda: verbs.insert(A, one),
                lambda: verbs.update(B, Change(references={"user": "1"})),
                lambda: verbs.find("user", "1"),
                lambda: verbs.delete_matching("user", "1"),
            ],
        }
        for call in calls[taken]:
            self.refuses(call)

    def test_it_is_in_nobody_elses_way(self, verbs, clock, taken):
        record = make_record(clock, references={"user": "2"})
        assert verbs.insert(B, record)
        assert verbs.update(B, Change(label="x"))
        assert verbs.rename(B, C, Change(label=""))
        assert verbs.find("user", "2") == [(C, record)]
        assert verbs.delete_matching("user", "2") == [(C, record)]

    def test_an_insert_that_is_refused_leaves_nothing_behind(self, verbs, clock, server, taken):
        """In particular, no hash remains that is not listed and never expires."""
        self.refuses(lambda: verbs.insert(A, make_record(clock, references={"user": "1"})))
        assert not keys_of(server) & {SESSION, BUCKET} - {taken}

    def test_an_update_that_is_refused_changes_nothing(self, verbs, clock, client):
        """Otherwise the session would have a reference that the index does not know."""
        client.set(REFERENCE, HIDDEN)
        record = make_record(clock, references={"user": "2"})
        verbs.insert(A, record)
        self.refuses(lambda: verbs.update(A, Change(set={"a": b"1"}, references={"user": "1"})))
        assert verbs.read(A) == record
        assert [id for id, _ in verbs.find("user", "2")] == [A]


NOT_UTF8 = b"\xff" + HIDDEN.encode()
CORRUPT = {
    "created is missing": {"created": None},
    "seen is missing": {"seen": None},
    "expires is missing": {"expires": None},
    "no fact is left": dict.fromkeys(["created", "seen", "expires", "references", "bound"]),
    "created is no number": {"created": HIDDEN},
    "seen is no number": {"seen": ""},
    "expires is no number": {"expires": HIDDEN},
    "expires is no whole number": {"expires": "1e400"},
    "expires is too large": {"expires": "9" * 400},
    "seen is too large": {"seen": "9" * 30},
    "created is too large": {"created": "9" * 5000},
    "references are not UTF-8": {"references": b"user=\xff" + HIDDEN.encode()},
    "ip is not UTF-8": {"ip": NOT_UTF8},
    "agent is not UTF-8": {"agent": NOT_UTF8},
    "label is not UTF-8": {"label": NOT_UTF8},
}


class TestCorruptHash:
    @pytest.fixture
    def corrupt(self, storage, clock, client):
        """The ids of corrupt sessions. The session B is not corrupt. All are of user 1."""
        ids = [f"{number:02}{'x' * 41}" for number in range(len(CORRUPT))]
        record = make_record(clock, fields={"a": HIDDEN.encode()}, references={"user": "1"})
        for id in (*ids, B):
            storage.insert(id, record)
        for id, facts in zip(ids, CORRUPT.values(), strict=True):
            for name, value in facts.items():
                key = session_key(id)
                client.hdel(key, name) if value is None else client.hset(key, name, value)
        return ids

    @pytest.fixture
    def whole(self, corrupt, clock):
        return (B, make_record(clock, references={"user": "1"}))

    def test_it_reads_as_none_and_is_logged_without_data(self, verbs, corrupt, caplog):
        for id in corrupt:
            for names in (None, ("a",)):
                caplog.clear()
                assert verbs.read(id, names) is None
                logged = [
                    r for r in caplog.records if r.name == "django.security.SuspiciousSession"
                ]
                assert [(r.levelno, id in r.getMessage()) for r in logged] == [(WARNING, True)]
                assert HIDDEN not in caplog.text
            assert verbs.read(id, ()) is None
        assert verbs.read(B) is not None

    def test_whoever_offers_its_key_starts_from_nothing(self, storage, corrupt, monkeypatch):
        for id in corrupt:
            monkeypatch.setattr("django_multisession.core.keys.hash_key", lambda key: id)
            holder = store_on(storage)("k" * 28)
            assert (holder.load(), holder.session_key) == ({}, None)

    def test_listings_go_around_it(self, verbs, clock, whole):
        for _ in range(2):
            assert verbs.find("user", "1") == [whole]
            assert verbs.page() == ([whole], None)
            assert verbs.count() >= 1  # reads only buckets
            clock.advance(hours=1)
        assert verbs.delete_matching("user", "1") == [whole]
        assert verbs.delete_matching("user", "1") == []

    def test_it_can_be_ended(self, verbs, corrupt, client):
        for id in corrupt[::2]:
            assert verbs.delete(id) is None
        verbs.clear()
        assert not [id for id in corrupt if client.exists(session_key(id))]

    def test_it_is_purged_in_its_time(self, verbs, corrupt, clock, client):
        clock.advance(days=15)
        assert verbs.purge() == len(corrupt) + 1
        assert not [id for id in corrupt if client.exists(session_key(id))]
        assert (verbs.count(), verbs.purge()) == (0, 0)

    def test_writing_to_it_breaks_nothing(self, verbs, corrupt, clock, whole):
        """A write succeeds or not, depending on whether it needs the corrupt fact."""
        later = clock.now + timedelta(days=20)
        for id in corrupt:
            assert verbs.update(id, Change(set={"b": b"2"}, expires_at=later)) in (True, False)
            assert verbs.update(id, Change(references={"user": "2"})) in (True, False)
            assert verbs.rename(id, id[:2] + "y" * 41, Change(label="x")) in (True, False)
        assert verbs.find("user", "1") == [whole]


class TestOddHash:
    """Everything that can be read is read."""

    def test_values_that_are_not_ascii_are_as_stored(self, verbs, storage, clock, client, caplog):
        record = make_record(clock, fields={"a": b"1"})
        verbs.insert(A, record)
        client.hset(SESSION, ".b", b"\xff\x00")
        assert verbs.read(A) == replace(record, fields={"a": b"1", "b": b"\xff\x00"})
        assert verbs.read(A, ["b"]).fields == {"b": b"\xff\x00"}
        assert caplog.records == []

    def test_a_name_that_is_not_utf8_hides_no_other(self, verbs, clock, client):
        verbs.insert(A, make_record(clock, fields={"a": b"1"}))
        client.hset(SESSION, b".\xff", b"2")
        assert verbs.read(A).fields == {"a": b"1", "\N{REPLACEMENT CHARACTER}": b"2"}

    def test_names_that_are_none_of_ours_are_ignored(self, verbs, clock, client):
        record = make_record(clock, fields={"a": b"1"})
        verbs.insert(A, record)
        client.hset(SESSION, "stranger", HIDDEN)
        client.hset(SESSION, b"\xff", HIDDEN)
        assert verbs.read(A) == record

    @pytest.mark.parametrize("name", ["bound", "nonce", "references"])
    def test_without_what_only_scripts_need_it_goes_on(self, verbs, clock, client, name):
        record = make_record(clock, fields={"a": b"1"})
        verbs.insert(A, record)
        client.hdel(SESSION, name)
        change = Change(set={"b": b"2"}, references={"user": "1"})
        assert verbs.update(A, change) is True
        client.hdel(SESSION, name)
        assert verbs.rename(A, C, Change()) is True
        changed = change.apply_to(record)
        if name == "references":
            changed = replace(changed, references={})
        assert verbs.read(C) == changed

    def test_entries_that_are_no_ids(self, verbs, clock, client):
        members = (b"", b"x", b"AA" + b"\0" * 41)
        verbs.insert(A, make_record(clock, references={"user": "1"}))
        for key in (BUCKET, REFERENCE):
            client.zadd(key, dict.fromkeys(members, 2**52))
        assert [id for id, _ in verbs.find("user", "1")] == [A]
        assert [id for id, _ in verbs.page()[0]] == [A]
        assert verbs.purge() == 0
        assert len(verbs.delete_matching("user", "1")) == 1
