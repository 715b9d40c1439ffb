"""Requests for each operation: what `DynamoDBStorage` promises, counted by a proxy."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import chain
from math import ceil
from types import SimpleNamespace

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.connection import WRITE_BATCH, chunks
from django_multisession.storage.dynamodb.listing import ITEMS_PER_SESSION
from django_multisession.storage.dynamodb.scan import SEGMENTS
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import DYNALITE, MOTO
from support.project import store_on
from support.subjects import dynamodb, make_record

A, B = "A" * 43, "B" * 43
USER, BOTH = {"user": "1"}, {"user": "1", "org": "7"}
MANY = {f"reference {number}": "1" for number in range(26)}
PAYLOAD = b"what no listing has any use for"

READ, PUT, UPDATE, DELETE = ({f"{verb}Item": 1} for verb in ("Get", "Put", "Update", "Delete"))
BATCHED, MOVED = {"BatchWriteItem": 1}, {"TransactWriteItems": 1}
THOROUGH = pytest.param(DYNALITE, id="dynalite", marks=pytest.mark.thorough)


class Counted:
    """A storage, and the proxy that counts its requests."""

    def __init__(self, proxy, storage, clock):
        self.proxy, self.storage, self.clock = proxy, storage, clock

    def __call__(self, operation):
        return dict(self.proxy.calls(operation))

    def insert(self, id=A, **facts):
        return self.storage.insert(id, make_record(self.clock, **facts))

    def fill(self, sessions, **facts):
        """Write many items in batches."""
        record = make_record(self.clock, **facts)
        entries = chain(*(self.entries(f"{number:043}", record) for number in range(sessions)))
        for batch in chunks([{"PutRequest": {"Item": item}} for item in entries], WRITE_BATCH):
            request = {"RequestItems": {self.storage.table.name: batch}}
            self.storage.connection.call("batch_write_item", request)

    def entries(self, id, record):
        """Return all items that belong to a session."""
        bound = encoding.new_bound(record.expires_at, self.clock.now)
        yield encoding.to_item(id, record, bound, "0" * 16)
        yield from (encoding.index_entry(id, *each, bound) for each in record.references.items())

    def update(self, **facts):
        times = {"last_seen_at": self.clock.now, "expires_at": make_record(self.clock).expires_at}
        assert self.storage.update(A, Change(**times, **facts))


def counted_on(server, clock):
    with Proxy(server) as proxy:
        # moto takes one request after the other.
        patient = SimpleNamespace(options={**proxy.options, "config": {"read_timeout": 30}})
        yield Counted(proxy, dynamodb(patient)(clock), clock)


@pytest.fixture(params=[pytest.param(MOTO, id="moto"), THOROUGH])
def counted(request, clock):
    yield from counted_on(request.param, clock)


@pytest.fixture
def on_moto(clock):
    """A counted storage on moto, which has transactions."""
    yield from counted_on(MOTO, clock)


def test_one_session_is_one_request(counted):
    storage = counted.storage
    assert counted(counted.insert) == PUT
    assert counted(lambda: storage.read(A)) == READ
    assert counted(lambda: storage.read(A, ["a"])) == READ
    assert counted(counted.update) == UPDATE
    assert counted(lambda: counted.update(set={"a": b"1"})) == UPDATE
    assert counted(lambda: storage.update(A, Change(unset=["a"]))) == UPDATE
    assert counted(lambda: storage.delete(A)) == DELETE


@pytest.mark.parametrize("references", [USER, BOTH, MANY], ids=len)
def test_a_reference_is_one_before_or_a_batch_after(counted, references):
    count, storage = len(references), counted.storage
    assert counted(lambda: counted.insert(references=references)) == {"PutItem": 1 + count}
    assert counted(counted.update) == UPDATE
    batches = ceil(count / WRITE_BATCH)
    assert counted(lambda: storage.delete(A)) == DELETE | {"BatchWriteItem": batches}


def test_a_login_is_two_and_forgetting_it_is_one(counted):
    counted.insert()
    assert counted(lambda: counted.update(references=USER)) == PUT | UPDATE
    assert counted(lambda: counted.update(references={"user": "2"})) == PUT | UPDATE
    assert counted(lambda: counted.update(references={"user": None})) == UPDATE


def test_a_rename_is_a_read_and_a_transaction(on_moto):
    storage = on_moto.storage
    on_moto.insert(references=BOTH)
    assert on_moto(lambda: storage.rename(A, B, Change())) == READ | MOVED
    known = storage.read(B)
    assert on_moto(lambda: storage.rename(B, A, Change(), known)) == MOVED
    # Of these, as DynamoDB counts them, each is two writes.
    parts = on_moto.proxy.requests[-1].body["TransactItems"]
    assert Counter(verb for part in parts for verb in part) == {"Put": 3, "Delete": 3}


def test_what_an_update_cannot_carry_is_two(on_moto):
    on_moto.insert()
    many = {f"field {number}": b"1" for number in range(101)}
    assert on_moto(lambda: on_moto.update(set=many)) == READ | PUT


@pytest.mark.parametrize("references", [{}, BOTH], ids=len)
def test_a_lifetime_later_a_touch_is_two_and_one_for_each_reference(on_moto, references):
    on_moto.insert(references=references)
    for _ in range(14):
        on_moto.clock.advance(days=1)
        assert on_moto(on_moto.update) == UPDATE
    on_moto.clock.advance(days=1)
    assert on_moto(on_moto.update) == UPDATE | {"PutItem": 1 + len(references)}
    assert on_moto(on_moto.update) == UPDATE


@pytest.mark.parametrize("sessions", [1, 101, 1001])
def test_finding_is_by_batches(counted, sessions):
    counted.fill(sessions, references=USER)
    expected = {"Query": ceil(sessions / 1000), "BatchGetItem": ceil(sessions / 100)}
    assert counted(lambda: list(counted.storage.find("user", "1"))) == expected


@pytest.mark.parametrize(("sessions", "references"), [(1, USER), (101, BOTH), (1010, USER)])
def test_ending_all_sessions_of_a_user_is_by_batches(on_moto, sessions, references):
    on_moto.fill(sessions, references=references)
    expected = Counter(
        Query=ceil(sessions / 1000) + 1,  # the last look finds nothing
        BatchGetItem=ceil(sessions / 100),
        TransactWriteItems=sessions // 100 + sessions // 1000,
        DeleteItem=sessions % 100 == 1,  # a single one needs no transaction
        BatchWriteItem=ceil(sessions * len(references) / WRITE_BATCH),
    )
    assert on_moto(lambda: list(on_moto.storage.delete_matching("user", "1"))) == +expected


def test_a_page_is_one_request_unless_it_meets_many_entries(counted):
    counted.fill(60)
    for limit in (5, 20, 100):
        assert counted(lambda: counted.storage.page(None, limit)) == {"Scan": 1}
    counted.fill(60, references=BOTH)  # 120 items in a row may be entries
    (scans,) = counted(lambda: counted.storage.page(None, 1)).values()
    assert scans <= 1 + 120 / (2 * ITEMS_PER_SESSION)


def test_a_lease_is_one_request(counted):
    """The lease is new, held by another owner, held by this owner, or released."""
    name, now = keys.new_handle(), counted.clock.now
    soon = now + timedelta(minutes=1)
    for owner, until in [("ann", soon), ("bob", soon), ("ann", soon), ("ann", now)]:
        assert counted(lambda: counted.storage.acquire_lease(name, owner, until)) == PUT


@pytest.mark.parametrize("number", [0, 1, 100, 101, 250])
def test_to_ask_for_leases_is_by_batches(counted, number):
    names = [keys.new_handle() for _ in range(number)]
    expected = {"BatchGetItem": ceil(number / 100)} if number else {}
    assert counted(lambda: counted.storage.active_leases([*names, *names])) == expected


def test_the_whole_table_is_read_in_segments(on_moto):
    on_moto.fill(30, references=USER)
    assert on_moto(on_moto.storage.count) == {"Scan": SEGMENTS}
    on_moto.clock.advance(days=15)
    assert on_moto(lambda: on_moto.storage.count(expired_only=True)) == {"Scan": SEGMENTS}
    swept = {"Scan": SEGMENTS, "BatchWriteItem": ceil(30 / WRITE_BATCH)}
    assert on_moto(on_moto.storage.purge) == swept | MOVED
    assert on_moto(on_moto.storage.purge) == {"Scan": SEGMENTS}


LISTINGS = {
    "read": lambda storage: storage.read(A, ["a"]),
    "find": lambda storage: list(storage.find("user", "1")),
    "page": lambda storage: storage.page(),
    "count": lambda storage: storage.count() and storage.count(expired_only=True),
    "delete_matching": lambda storage: list(storage.delete_matching("user", "1")),
    "purge": lambda storage: storage.purge(on_deleted=lambda found: None),
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_no_payload_travels(counted, listing):
    counted.insert(A, references=USER, fields={"a": b"1", "b": PAYLOAD})
    over = counted.clock.now - timedelta(seconds=1)
    counted.insert(B, fields={"b": PAYLOAD}, expires_at=over)
    assert PAYLOAD in heard(counted.proxy, lambda: counted.storage.read(A))
    assert PAYLOAD not in heard(counted.proxy, lambda: LISTINGS[listing](counted.storage))


def heard(proxy, operation):
    """Return all that the server answers during a call."""
    answers = []
    proxy.strike(lambda *both: answers.append(both[1](both[0])) or answers[-1], times=1000)
    assert operation()
    proxy.clear()
    return b"".join(answer.data for answer in answers)


def test_what_people_do_through_the_engine(on_moto, dialect):
    store = store_on(on_moto.storage)
    visitor = store()
    visitor["cart"] = [1]
    assert on_moto(dialect(visitor).save) == PUT
    assert on_moto(dialect(visitor).save) == {}
    visitor["cart"].append(2)
    assert on_moto(dialect(visitor).save) == UPDATE
    assert on_moto(dialect(visitor).touch) == UPDATE
    assert on_moto(dialect(store(visitor.session_key)).load) == READ
    assert on_moto(dialect(store(visitor.session_key)).flush) == DELETE


def test_logging_in_and_out(on_moto, dialect):
    store = store_on(on_moto.storage)
    new, stored = store(), store()
    stored["cart"] = [1]
    stored.save()
    assert on_moto(lambda: log_in(new, dialect)) == {"PutItem": 2}
    visitor = store(stored.session_key)
    assert on_moto(lambda: log_in(visitor, dialect)) == READ | MOVED | PUT | UPDATE
    again = store(visitor.session_key)
    assert on_moto(lambda: log_in(again, dialect)) == READ | MOVED
    assert on_moto(dialect(store(again.session_key)).flush) == DELETE | BATCHED


def log_in(session, dialect):
    """Log a user in as Django does."""
    dialect(session).get("_auth_user_id")
    dialect(session).cycle_key()
    session["_auth_user_id"] = "1"
    dialect(session).save()
