"""Names and values that may break expressions, keys and paths.

They travel from a request's session to the server and back. References of any script and length are
among them.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_multisession.core.record import Change
from support.dialects import Blocking
from support.dynamodb_cases import AWKWARD, NAMES
from support.project import store_on

A = "A" * 43
FIELDS = {name: {name: [name, None]} for name in [*AWKWARD, "n" * 10_000, "\U0001f600" * 10_000]}
VALUES = st.none() | st.text(max_size=20) | st.binary(max_size=20).map(lambda data: data.hex())

LETTERS = [
    "x",
    "\u00fc",
    "\u4e2d",
    "\U0001f600",
    "e\u0301",
    "\u202e",
    "=",
    "#",
    "/",
    "\\",
    "\n",
    " ",
]
REFERENCES = [(letter * 255)[:255] for letter in LETTERS]
REFERENCES += [
    "user=1",
    "1=2",
    "1 ",
    " 1",
    "01",
    "0",
    "-",
    "s#",
    "r#user=1",
    "\x01\x7f",
    '{"S": "1"}',
]


@pytest.fixture
def store(observed, settings):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "team": "team", "n0_": "n"}
    return store_on(observed.storage)


class TestFields:
    def test_any_name_is_saved_and_read(self, observed, store, dialect):
        holder = store()
        holder.update(FIELDS)
        dialect(holder).save()
        again = store(holder.session_key)
        assert dict(dialect(again).load()) == FIELDS
        names = {*FIELDS} - ({"a[0]"} if observed.kind == "moto" else set())  # it looks into a list
        few = dialect(store(holder.session_key)).get_fields(*names)
        assert few == {name: FIELDS[name] for name in names}

    def test_each_is_changed_and_removed_alone(self, store):
        holder = store()
        holder.update(FIELDS)
        holder.save()
        expected = dict(FIELDS)
        for number, name in enumerate(FIELDS):
            again = store(holder.session_key)
            if number % 2:
                again[name] = expected[name] = number
            else:
                del again[name], expected[name]
            again.save()
        assert dict(store(holder.session_key).load()) == expected

    def test_they_move_to_a_new_key(self, store):
        holder = store()
        holder.update(FIELDS)
        holder.save()
        holder.cycle_key()
        assert dict(store(holder.session_key).load()) == FIELDS

    def test_more_than_an_update_carries(self, store, dialect):
        holder = store()
        holder["a"] = 1
        holder.save()
        many = {f"{name}{n}": n for n in range(3) for name in AWKWARD}
        holder.update(many)
        dialect(holder).save()
        assert dict(store(holder.session_key).load()) == {"a": 1, **many}
        dialect(holder).flush()
        assert store.storage.count() == 0

    @settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
    @given(st.dictionaries(NAMES, VALUES, max_size=5), st.dictionaries(NAMES, VALUES, max_size=5))
    def test_whatever_they_are(self, store, before, after):
        holder = store()
        holder.update(before)
        holder.save()
        again = store(holder.session_key)
        again.update(after)
        for name in before.keys() - after.keys():
            del again[name]
        again.save()
        assert dict(store(holder.session_key).load()) == after

    @pytest.mark.parametrize("value", ["", "\0", "\ud800", "~", "b'\\x00'", 1.5, 2**70, None, [[]]])
    def test_any_value(self, observed, store, value):
        holder = store()
        holder["a"] = value
        holder.save()
        assert store(holder.session_key)["a"] == value
        text = next(iter(observed.table.sessions().values()))[".a"]["S"]
        assert text.isascii()
        assert json.loads(text) == value


class TestReading:
    """Reading some fields.

    If an expression cannot contain all the names, all fields are transferred.
    """

    @pytest.mark.parametrize("absent", [99, 100])
    def test_only_the_fields_that_were_asked_for(self, observed, absent):
        record = observed.record(fields={"a": b"1", "b": b"2"})
        observed.storage.insert(A, record)
        names = ["a", *(f"absent {number}" for number in range(absent))]
        assert observed.storage.read(A, names).fields == {"a": b"1"}

    def test_of_many_that_are_there(self, observed):
        record = observed.record(fields={f"field {number}": b"1" for number in range(300)})
        observed.storage.insert(A, record)
        assert observed.storage.read(A, [*record.fields]) == record
        names = [*record.fields][:150]
        assert observed.storage.read(A, names).fields == dict.fromkeys(names, b"1")


class TestReferences:
    @pytest.mark.parametrize("value", REFERENCES, ids=lambda value: ascii(value[:9]))
    def test_exactly_the_sessions_that_have_it_are_found_and_ended(self, store, value):
        it = Blocking(store.storage)
        others = {value[:-1] or "x", f"{value[:-1]}y", f"{value[:-1]} ", value.upper()} - {value}
        for user in (value, *others):
            holder = store()
            holder["_auth_user_id"] = user
            holder.save()
        ((id, record),) = it.find("user", value)
        assert record.references == {"user": value}
        assert it.delete_matching("user", value) == [(id, record)]
        assert store.storage.count() == len(others)

    def test_all_of_them_of_one_session(self, observed):
        it = Blocking(observed.storage)
        references = {f"r{number}": value for number, value in enumerate(REFERENCES)}
        it.insert(A, observed.record(references=references))
        for name, value in references.items():
            assert [id for id, _ in it.find(name, value)] == [A]
            assert it.find("other", value) == []
        later = observed.clock.now + timedelta(days=1)
        swapped = dict(zip(references, reversed(REFERENCES), strict=True))
        assert it.update(A, Change(references=swapped, expires_at=later))
        for name, value in swapped.items():
            assert [id for id, _ in it.find(name, value)] == [A]
        assert it.delete(A).references == swapped
