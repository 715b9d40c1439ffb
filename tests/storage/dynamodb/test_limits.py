"""Sessions as large as DynamoDB can store, and larger ones, in the storage and in requests."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_multisession.core.record import Change
from django_multisession.storage.base import SessionTooLarge
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.encoding import MAX_ITEM_BYTES, SIZE
from support.dynamodb_cases import RECORDS
from support.dynamodb_rules import KB
from support.dynamodb_servers import SERVERS
from support.project import store_on
from support.record_cases import NOW

A, B = "A" * 43, "B" * 43
USER = {"user": "1"}
LARGE = b"l" * 30 * KB


@pytest.fixture
def it(observed, dialect):
    return dialect(observed.storage)


@pytest.fixture
def store(observed):
    return store_on(observed.storage)


def sized(observed, size, **facts):
    """Return a record whose item counts as this many bytes."""
    record = observed.record(fields={"small": b"1", "large": b""}, **facts)
    bound = encoding.new_bound(record.expires_at, observed.clock.now)
    room = size - int(encoding.to_item(A, record, bound, "0" * 16)[SIZE]["N"])
    return replace(record, fields={"small": b"1", "large": b"l" * room})


def largest(observed, **facts):
    """Return a record of the largest size. moto stores 405,000 bytes."""
    return sized(observed, MAX_ITEM_BYTES if observed.kind == "dynalite" else 395 * KB, **facts)


def refused(operation):
    """Return the error that a call raised. It contains only names and numbers."""
    with pytest.raises(SessionTooLarge) as caught:
        operation()
    assert "lll" not in str(caught.value)
    return caught.value


class TestOneThatIsLarge:
    def test_does_what_others_do(self, observed, it):
        record = largest(observed, references=USER)
        assert it.insert(A, record) is True
        assert it.read(A) == record
        assert it.update(A, Change(set={"small": b"2"}, last_seen_at=observed.clock.now)) is True
        assert it.rename(A, B, Change(set={"small": b"3"})) is True
        assert it.read(B).fields == {**record.fields, "small": b"3"}
        assert it.delete_matching("user", "1") == [(B, record.without_fields())]

    def test_many_of_them_end_at_once(self, observed):
        """A transaction of DynamoDB takes 4 MB; an answer of dynalite takes 1 MB."""
        count = 12 if observed.kind == "moto" else 4
        record = largest(observed, references=USER)
        for number in range(count):
            observed.storage.insert(f"{number:043}", record)
        ended = observed(lambda: list(observed.storage.delete_matching("user", "1")))
        assert observed.storage.count() == 0
        assert ended.get("TransactWriteItems") == (2 if observed.kind == "moto" else None)


class TestOneThatIsTooLarge:
    def test_is_not_sent(self, observed, it):
        record = sized(observed, 401 * KB, references=USER)
        sent = observed(lambda: refused(lambda: it.insert(A, record)))
        assert sent == {}
        error = refused(lambda: it.insert(A, record))
        assert (error.size, error.limit) == (401 * KB, 400 * KB)
        assert error.sizes == {name: len(value) for name, value in record.fields.items()}
        assert f"'large' ({error.sizes['large']:,} bytes), 'small' (1 bytes)" in str(error)

    @pytest.mark.parametrize("size", [MAX_ITEM_BYTES, 20 * MAX_ITEM_BYTES])
    def test_nor_is_a_value_that_is(self, observed, it, size):
        it.insert(A, observed.record(fields={"small": b"1"}))
        before = observed.table.items()
        change = Change(set={"large": b"l" * size}, expires_at=observed.clock.now, references=USER)
        for operation in (lambda: it.update(A, change), lambda: it.rename(A, B, change)):
            assert observed(lambda: refused(operation)) == {"GetItem": 1}
        assert observed.table.items() == before

    def test_nor_what_makes_it_so(self, observed, it):
        """The item contains its size, so the session need not be read before each save."""
        it.insert(A, sized(observed, 390 * KB))
        before = observed.table.items()
        sent = observed(lambda: refused(lambda: it.update(A, Change(set={"b": LARGE}))))
        assert sent.keys() <= {"UpdateItem", "GetItem"}
        assert observed.table.items() == before

    def test_can_be_made_smaller(self, observed, it):
        it.insert(A, largest(observed))
        refused(lambda: it.update(A, Change(set={"b": LARGE})))
        assert it.update(A, Change(unset={"large"})) is True
        assert it.update(A, Change(set={"b": LARGE})) is True
        assert it.read(A).fields == {"small": b"1", "b": LARGE}

    def test_of_many_fields(self, observed, it):
        record = observed.record(fields={"a": b"1"})
        it.insert(A, record)
        change = Change(set={f"field {n}": b"l" * 3 * KB for n in range(150)})
        refused(lambda: it.update(A, change))
        assert it.read(A) == record


class TestInARequest:
    def test_the_last_good_state_is_kept(self, store, dialect):
        holder = store()
        holder["a"] = 1
        dialect(holder).save()
        holder.update({"a": 2, "large": "l" * 401 * KB, "_auth_user_id": "1"})
        refused(dialect(holder).save)
        again = store(holder.session_key)
        assert dict(dialect(again).load()) == {"a": 1}
        assert list(store.storage.find("user", "1")) == []
        del holder["large"]
        dialect(holder).save()
        assert dict(dialect(again).load()) == {"a": 2, "_auth_user_id": "1"}

    def test_a_new_one_is_not_stored(self, store, dialect):
        holder = store()
        holder["large"] = "l" * 401 * KB
        refused(dialect(holder).save)
        assert store.storage.count() == 0
        holder["large"] = "l" * 394 * KB
        dialect(holder).save()
        assert store(holder.session_key)["large"] == holder["large"]

    def test_the_old_key_stays_valid(self, store, dialect):
        holder = store()
        holder["a"] = 1
        holder.save()
        key = holder.session_key
        holder["large"] = "l" * 401 * KB
        refused(dialect(holder).cycle_key)
        assert holder.session_key == key
        assert dict(store(key).load()) == {"a": 1}


@pytest.mark.parametrize("observed_server", SERVERS[1:], indirect=True)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS, st.integers(0, 3000))
def test_dynalite_counts_no_more_than_we_do(observed, record, size):
    """dynalite counts units as DynamoDB does, except that it measures names in characters."""
    record = replace(record, fields={**record.fields, "padding": b"x" * size})
    item = encoding.to_item(A, record, encoding.new_bound(record.expires_at, NOW), "v")
    request = {"TableName": observed.storage.table.name, "Item": item}
    answer = observed.storage.connection.call(
        "put_item", {**request, "ReturnConsumedCapacity": "TOTAL"}
    )
    observed.storage.clear()  # or the larger one of two would count
    observed.proxy.clear()
    assert answer["ConsumedCapacity"]["CapacityUnits"] <= ceil(encoding.size_of(item) / KB)
