"""Units of each operation as dynalite counts them, compared with what `DynamoDBStorage` promises.

dynalite counts like DynamoDB but has no transactions. With them, a rename costs twice as much, and
so does a session that is ended together with others.
"""

from __future__ import annotations

from math import ceil

import pytest

from django_multisession.core.client import Client
from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.requests import Requests
from support.project import store_on
from support.subjects import STORAGES, make_record, memory

A, B = "A" * 43, "B" * 43
KB = 1024
REFERENCES = [{}, {"user": "1"}, {"user": "1", "org": "7"}]
SIZES = [0.5, 1, 3, 9]  # KB
USER_AGENT = (  # 110 characters, which is usual
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)
READING = {"get_item", "batch_get_item", "query"}
WRITING = {"put_item", "update_item", "delete_item", "batch_write_item"}


class Metered:
    """A storage, and the units that its server reports for an operation: read, written."""

    def __init__(self, clock):
        self.clock, self.storage = clock, STORAGES["dynalite"](clock)
        self._call, self.storage.connection.call = self.storage.connection.call, self.call
        self.told = []  # by several threads

    def __call__(self, operation):
        self.told = []
        assert operation()
        return self.sum_of(READING), self.sum_of(WRITING)

    def sum_of(self, operations):
        return sum(units for operation, units in self.told if operation in operations)

    def call(self, operation, request, *pauses):
        answer = self._call(operation, {**request, "ReturnConsumedCapacity": "TOTAL"}, *pauses)
        told = answer["ConsumedCapacity"]
        for each in told if isinstance(told, list) else [told]:
            self.told.append((operation, each["CapacityUnits"]))
        return answer

    def record(self, size, references):
        """Return a record whose item has exactly this many KB."""
        rest = size_of(make_record(self.clock, fields={"x": b""}, references=references))
        fields = {"x": b"1" * (int(size * KB) - rest)}
        return make_record(self.clock, fields=fields, references=references)


def item_of(record):
    bound = encoding.new_bound(record.expires_at, record.last_seen_at)
    return encoding.to_item(A, record, bound, "0" * 16)


def size_of(record):
    return encoding.size_of(item_of(record))


@pytest.fixture
def metered(clock):
    return Metered(clock)


@pytest.mark.parametrize("references", REFERENCES, ids=len)
@pytest.mark.parametrize("size", SIZES)
def test_one_session(metered, size, references):
    """The figures are those in the docstring of the class."""
    storage, record = metered.storage, metered.record(size, references)
    s, r, k = ceil(size), ceil(size / 4), len(references)
    touch = Change(last_seen_at=metered.clock.now, expires_at=record.expires_at)
    save = Change(set={"x": record.fields["x"].replace(b"1", b"2")}, expires_at=record.expires_at)
    assert metered(lambda: storage.insert(A, record)) == (0, s + k)
    assert metered(lambda: storage.read(A)) == (r, 0)
    assert metered(lambda: storage.read(A, ())) == (r, 0)
    assert metered(lambda: storage.update(A, touch)) == (0, s)
    assert metered(lambda: storage.update(A, save)) == (0, s)
    known = storage.read(A)
    # In steps, and not twice as much in a transaction: written, claimed, deleted.
    assert metered(lambda: storage.rename(A, B, Change(), known)) == (0, 3 * s + 2 * k)
    assert metered(lambda: storage.rename(B, A, Change())) == (r, 3 * s + 2 * k)
    assert metered(lambda: storage.delete(A)) == (0, s + k)
    assert metered(lambda: storage.delete(A) is None) == (0, 1)
    assert metered(lambda: storage.read(A) is None) == (1, 0)


@pytest.mark.parametrize("size", SIZES)
def test_reading_may_cost_half(metered, size):
    metered.storage.insert(A, metered.record(size, {}))
    metered.storage.requests = Requests(metered.storage.table.name, consistent_read=False)
    assert metered(lambda: metered.storage.read(A)) == (ceil(size / 4) / 2, 0)


@pytest.mark.parametrize("size", SIZES)
def test_another_reference_is_one_more(metered, size):
    record = metered.record(size, {"user": "1"})
    metered.storage.insert(A, record)
    login = Change(references={"user": "2"}, expires_at=record.expires_at)
    assert metered(lambda: metered.storage.update(A, login)) == (0, ceil(size) + 1)


@pytest.mark.parametrize("size", SIZES)
def test_all_sessions_of_a_user(metered, size):
    """The index is read by 4 KB, each session by itself.

    DynamoDB takes 1 more for the last read of the index, which finds nothing.
    """
    record = metered.record(size, {"user": "1"})
    for number in range(100):
        metered.storage.insert(f"{number:043}", record)
    entries, r, s = ceil(100 * entry_bytes() / (4 * KB)), ceil(size / 4), ceil(size)
    assert metered(lambda: list(metered.storage.find("user", "1"))) == (entries + 100 * r, 0)
    ended = metered(lambda: list(metered.storage.delete_matching("user", "1")))
    assert ended == (entries + 100 * r, 100 * (s + 1))


def entry_bytes(user="1"):
    return encoding.size_of(encoding.index_entry(A, "user", user, 10**9))


def test_what_a_login_leaves(clock):
    """The figures are those in the README."""
    storage = memory(clock)
    session = store_on(storage)()
    session.describe_client = lambda: Client("192.0.2.17", USER_AGENT)
    session["_auth_user_id"] = "1234567"
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = "0" * 64
    session.save()
    (record,) = storage.records.values()
    assert (size_of(record), entry_bytes(record.references["user"])) == (475, 72)
