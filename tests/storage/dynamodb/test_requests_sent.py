"""Any sequence of verbs: DynamoDB would accept each request that the storage sends."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_multisession.core.record import Change
from support.dynamodb_cases import AWKWARD, CHANGES, NAMES, RECORDS
from support.dynamodb_servers import SERVERS
from support.project import store_on
from support.subjects import make_record

A, B = "A" * 43, "B" * 43
USER = {"user": "1"}
IDS = st.sampled_from([A, B])
fresh = map("{:043}".format, count(1))

OPERATIONS = st.one_of(
    st.tuples(st.just("insert"), IDS, RECORDS),
    st.tuples(st.just("update"), IDS, CHANGES),
    st.tuples(st.just("rename"), IDS, CHANGES),
    st.tuples(st.just("read"), IDS, st.none() | st.lists(NAMES)),
    st.tuples(st.just("delete"), IDS, st.booleans()),
    st.tuples(st.sampled_from(["find", "delete_matching"]), st.just("user"), st.just("1")),
    st.tuples(st.sampled_from(["page", "count", "purge", "clear"])),
)


def perform(storage, verb, *arguments):
    if verb == "rename":
        old, change = arguments
        return storage.rename(old, next(fresh), change)
    answer = getattr(storage, verb)(*arguments)
    return list(answer) if verb in {"find", "delete_matching"} else answer


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(RECORDS, st.lists(OPERATIONS, max_size=8))
def test_any_operations(observed, record, operations):
    observed.clock.now = record.expires_at - timedelta(days=1)
    observed.storage.insert(A, record)
    for operation in operations:
        perform(observed.storage, *operation)
    observed.storage.clear()
    assert observed.check()


def test_many_sessions_that_end_at_once(observed):
    observed.fill(110, references=USER)
    assert len(list(observed.storage.delete_matching("user", "1"))) == 110
    operations = observed.check()
    assert operations["BatchGetItem"] == 2
    assert operations["BatchWriteItem"] == 5


@pytest.mark.parametrize("verb", ["purge", "clear"])
def test_many_sessions_that_are_deleted(observed, verb):
    soon = observed.clock.now + timedelta(minutes=1)
    observed.fill(110, references=USER, expires_at=soon)
    observed.clock.advance(minutes=1)
    getattr(observed.storage, verb)()
    observed.check()
    assert observed.storage.clear() == 0


@pytest.mark.parametrize("count", [99, 100, 101, 500])
def test_a_change_of_many_fields(observed, count):
    change_fields(observed, count)


@pytest.mark.parametrize("observed_server", SERVERS[1:], indirect=True)
def test_a_change_of_very_many_fields(observed):
    """This test does not use moto, which would take minutes."""
    change_fields(observed, 10_000)


def change_fields(observed, count):
    observed.storage.insert(A, make_record(observed.clock, fields={"a": b"1"}))
    fields = {f"{AWKWARD[n % len(AWKWARD)]}{n}": b"2" for n in range(count)}
    assert observed.storage.update(A, Change(set=fields))
    assert observed.storage.read(A).fields == {"a": b"1", **fields}
    assert observed.storage.update(A, Change(unset=fields))
    assert observed.storage.read(A).fields == {"a": b"1"}
    observed.check()


def test_what_people_do(observed):
    store = store_on(observed.storage)
    holder = store()
    holder.update(dict.fromkeys(AWKWARD, 1))
    holder.save()
    holder.cycle_key()
    holder["_auth_user_id"] = "1"
    holder.save()
    observed.clock.advance(days=20)
    again = store(holder.session_key)
    again.touch(), again.get_fields(*AWKWARD), again.flush()
    store.clear_expired()
    observed.check()
