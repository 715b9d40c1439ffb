"""The sample of the SQL storage: neighbours in the table, sorted by handle, in a circle."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from django_multisession.core import keys
from django_multisession.models import Session, SessionReference
from django_multisession.storage.db.statements import Statements
from support.databases import require
from support.subjects import make_record

LETTERS = sorted("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
EVENLY = [letter + "-" * 42 for letter in LETTERS]  # a 64th of all handles apart


def fill(storage, ids, record):
    for id in ids:
        assert storage.insert(id, record)


def begin_at(monkeypatch, handle):
    monkeypatch.setattr(keys, "new_handle", lambda: handle)


def sampled(storage, limit):
    """Return the ids in order, the number, and how many statements were sent."""
    with CaptureQueriesContext(connections[storage.database]) as captured:
        found, number = storage.sample(limit)
    return [id for id, _ in found], number, len(captured)


@pytest.fixture
def even(database_storage, clock):
    fill(database_storage, reversed(EVENLY), make_record(clock))
    return database_storage


class TestCircle:
    """64 handles at equal distances, so that the estimate is exact wherever it begins."""

    @pytest.mark.parametrize("first", [0, 1, 37, 54])
    def test_neighbours(self, even, monkeypatch, first):
        begin_at(monkeypatch, EVENLY[first])
        assert sampled(even, 9) == (EVENLY[first : first + 9], 64, 1)

    @pytest.mark.parametrize("first", [55, 60, 63])
    def test_after_the_last_handle_comes_the_first(self, even, monkeypatch, first):
        """From 55 on, only the additional row that shows that there are more."""
        begin_at(monkeypatch, EVENLY[first])
        circle = EVENLY[first:] + EVENLY
        assert sampled(even, 9) == (circle[:9], 64, 2)

    def test_behind_the_last_handle(self, even, monkeypatch):
        begin_at(monkeypatch, "z" * 43)
        ids, number, statements = sampled(even, 9)
        assert (ids, statements) == (EVENLY[:9], 2)
        assert 62 <= number <= 64  # the sample begins almost a 64th before the first

    def test_between_two_handles(self, even, monkeypatch):
        begin_at(monkeypatch, EVENLY[9][:-1] + "0")
        assert sampled(even, 9)[0] == EVENLY[10:19]

    @pytest.mark.parametrize("first", [0, 40, 63])
    def test_all_but_one(self, even, monkeypatch, first):
        begin_at(monkeypatch, EVENLY[first])
        circle = (EVENLY[first:] + EVENLY)[:63]
        ids, number, _ = sampled(even, 63)
        assert (ids, number) == (circle, 64)

    @pytest.mark.parametrize("first", [0, 40, 63])
    @pytest.mark.parametrize("limit", [64, 65, 1000])
    def test_once_around_and_nobody_twice(self, even, monkeypatch, first, limit):
        begin_at(monkeypatch, EVENLY[first])
        assert sampled(even, limit) == (EVENLY[first:] + EVENLY[:first], 64, 2)

    def test_it_begins_anywhere(self, even):
        begins = {sampled(even, 1)[0][0] for _ in range(50)}
        assert len(begins) > 10  # of 64; fewer happen once in 10**20 runs


class TestExpired:
    """Expired rows that are not purged yet are neighbours too."""

    @pytest.mark.parametrize("first", [0, 37, 60])
    def test_only_the_live_are_given_and_counted(self, database_storage, clock, monkeypatch, first):
        over = make_record(clock, expires_at=clock.now)
        fill(database_storage, EVENLY[::2], make_record(clock))
        fill(database_storage, EVENLY[1::2], over)
        begin_at(monkeypatch, EVENLY[first])
        ids, number, _ = sampled(database_storage, 8)
        circle = EVENLY[first:] + EVENLY
        assert ids == [id for id in circle[:8] if id in EVENLY[::2]]
        assert number == 32

    def test_the_live_are_few(self, database_storage, clock, monkeypatch):
        fill(database_storage, EVENLY[20:21], make_record(clock))
        over = make_record(clock, expires_at=clock.now)
        fill(database_storage, EVENLY[:20] + EVENLY[21:], over)
        begin_at(monkeypatch, EVENLY[18])
        assert sampled(database_storage, 4) == (EVENLY[20:21], 16, 1)
        assert sampled(database_storage, 64) == (EVENLY[20:21], 1, 2)
        begin_at(monkeypatch, EVENLY[30])
        ids, number, _ = sampled(database_storage, 4)
        assert ids == []
        assert number > 0  # not all sessions were read


def test_handles_that_begin_alike_give_no_estimate(database_storage, clock, monkeypatch):
    """Hashes are never like this, but a division by zero would be an error."""
    fill(database_storage, [f"{number:043}" for number in range(7)], make_record(clock))
    begin_at(monkeypatch, "0" * 43)
    assert sampled(database_storage, 3) == ([f"{number:043}" for number in range(3)], 4, 1)


def test_the_number_is_of_what_is_beyond_the_limit_too(database_storage, clock, monkeypatch):
    """The number is at least one more than were returned, even if all others are far away."""
    dense = [f"---{letter}{'-' * 39}" for letter in LETTERS[:4]]
    fill(database_storage, [*dense[:3], "z" * 43], make_record(clock))
    begin_at(monkeypatch, dense[0])
    ids, number, _ = sampled(database_storage, 3)
    assert ids == dense[:3]
    assert number == 4


def test_no_payload_is_read(database_storage, clock):
    fill(database_storage, EVENLY[:3], make_record(clock, fields={"a": b"1"}))
    with CaptureQueriesContext(connections[database_storage.database]) as captured:
        assert database_storage.sample(1)[1] > 1
    assert not [query for query in captured if " data" in query["sql"]]


# What the sample relies on


def test_handles_are_sorted_by_bytes(database_storage, clock):
    handles = [keys.hash_key(str(number)) for number in range(100)] + EVENLY
    soon = clock.now + timedelta(minutes=1)
    fill(database_storage, handles, make_record(clock, expires_at=soon))
    sessions = Session.objects.using(database_storage.database)
    assert [*sessions.order_by("handle").values_list("handle", flat=True)] == sorted(handles)


@pytest.mark.parametrize("model", [Session, SessionReference])
def test_so_they_are_on_postgresql_whatever_the_database_was_made_with(databases, model):
    """The test above also passes if the whole database is sorted like this."""
    require("postgres")
    exact = {Session: {"handle", "user_ref"}, SessionReference: {"name", "value"}}[model]
    with connections["postgres"].cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = %s AND collation_name = 'C'",
            [model._meta.db_table],
        )
        assert {name for (name,) in cursor.fetchall()} == exact


EXPLAIN = {  # alias -> the statement that explains a plan, and the index's name in the plan
    "default": ("EXPLAIN QUERY PLAN", "USING INDEX sqlite_autoindex_django_multisession_session_1"),
    "postgres": ("EXPLAIN", "Index Scan using multisession_handle"),
}


@pytest.mark.parametrize("alias", EXPLAIN)
@pytest.mark.parametrize("part", [0, 1])
def test_the_neighbours_are_read_from_the_index(databases, alias, part):
    """Otherwise the whole table would be sorted each time."""
    require(alias)
    statement = Statements(connections[alias]).sample[part]
    words, index = EXPLAIN[alias]
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        if alias == "postgres":  # with so few rows it would not use the index
            for way in ("seqscan", "bitmapscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"{words} {statement}", [EVENLY[0], 10])
        plan = str(cursor.fetchall())
    assert index in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan
