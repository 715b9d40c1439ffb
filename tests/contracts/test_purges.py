"""Purges on every storage, blocking and async: what they count, delete and report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import get_ident

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.db import DatabaseStorage
from django_multisession.storage.dynamodb import DynamoDBStorage, encoding
from django_multisession.storage.redis import RedisStorage
from support.subjects import STORAGES, make_record

pytestmark = pytest.mark.thorough  # hardly depends on versions

A, B = "A" * 43, "B" * 43
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BOTH = {"user": "1", "org": "7"}


def ids_of(number):
    """Return ids that are spread over the buckets of Redis."""
    return [f"{each * 7 % 64:02}{each:041}" for each in range(number)]


@pytest.fixture
def fill(verbs, clock):
    """Return a function that inserts a session for each lifetime and returns id -> record."""

    def run(ends, **facts):
        ids = ids_of(len(ends))
        records = {
            id: make_record(clock, expires_at=clock.now + end, label=id, **facts)
            for id, end in zip(ids, ends, strict=True)
        }
        for id, record in records.items():
            verbs.insert(id, record)
        return records

    return run


@pytest.fixture
def reported(storage):
    """Return a callback for purges. On Redis it receives nothing, because the server has already
    deleted the records."""
    return Reported(not isinstance(storage, RedisStorage))


class Reported:
    def __init__(self, are_reported):
        self.are_reported, self.found = are_reported, []

    def __call__(self, found):
        self.found += found

    def is_of(self, records):
        """Return whether each of these records was reported once."""
        expected = {id: replace(record, fields={}) for id, record in records.items()}
        return sorted(self.found) == (sorted(expected.items()) if self.are_reported else [])


class TestCountOver:
    def test_of_nothing(self, verbs):
        assert verbs.count(expired_only=True) == verbs.count(True) == 0

    def test_it_is_what_a_purge_finds(self, verbs, fill, clock):
        fill([n * 20 * MINUTE for n in range(12)], references=BOTH)
        for _ in range(2):
            clock.advance(minutes=100)
            over, live = verbs.count(expired_only=True), verbs.count()
            assert over + live <= 12  # a database counts expired sessions by the hour
            assert verbs.count(expired_only=True) == over
            assert verbs.purge() == over
            assert (verbs.count(expired_only=True), verbs.count()) == (0, live)
        clock.advance(hours=2)
        assert verbs.count() == 0
        assert verbs.count(expired_only=True) == verbs.purge()

    def test_it_falls_with_each_purge(self, verbs, fill, clock):
        fill([MINUTE] * 7)
        verbs.insert(A, make_record(clock))
        clock.advance(hours=2)
        seen = []
        while over := verbs.count(expired_only=True):
            seen.append((over, verbs.purge(3)))
        assert seen == [(7, 3), (4, 3), (1, 1)]
        assert verbs.count() == 1

    def test_it_counts_from_the_very_end_or_from_the_hour_after(self, verbs, storage, fill, clock):
        start = clock.now.replace(minute=0, second=0, microsecond=0) + HOUR
        clock.now = start
        fill([MINUTE, HOUR, HOUR + MINUTE])
        at_once = not isinstance(storage, DatabaseStorage)
        for minutes, expected, by_the_hour in [
            *((0, 0, 0), (1, 1, 0), (59, 1, 0), (60, 2, 2), (61, 3, 2), (120, 3, 3))
        ]:
            clock.now = start + minutes * MINUTE
            assert verbs.count(expired_only=True) == (expected if at_once else by_the_hour)

    def test_what_was_touched_is_not_over(self, verbs, fill, clock):
        (id,) = fill([MINUTE])
        verbs.update(id, Change(expires_at=clock.now + 5 * HOUR))
        clock.advance(hours=2)
        assert (verbs.count(expired_only=True), verbs.count()) == (0, 1)
        clock.advance(hours=4)
        assert (verbs.count(expired_only=True), verbs.count(), verbs.purge()) == (1, 0, 1)

    def test_what_was_ended_is_not_over(self, verbs, fill, clock):
        first, *_ = fill([MINUTE, HOUR, 20 * HOUR], references=BOTH)
        verbs.delete(first)
        verbs.rename(ids_of(2)[1], B, Change())
        assert len(verbs.delete_matching("user", "1")) == 2
        clock.advance(hours=30)
        assert (verbs.count(expired_only=True), verbs.purge()) == (0, 0)

    def test_entries_that_nobody_vouches_for_count_where_they_are_kept(
        self, verbs, storage, fill, clock
    ):
        fill([HOUR, HOUR], references=BOTH)
        clock.advance(days=3)
        expected = 6 if isinstance(storage, DynamoDBStorage) else 2
        assert verbs.count(expired_only=True) == verbs.purge() == expected


class TestTell:
    def test_of_those_that_ended_with_references_and_without_fields(
        self, verbs, fill, reported, clock
    ):
        ended = fill([n * MINUTE for n in range(5)], fields={"a": b"1"}, references=BOTH)
        verbs.insert(A, make_record(clock, references=BOTH))
        clock.advance(hours=2)
        assert verbs.purge(on_deleted=reported) == 5
        assert reported.is_of(ended)
        assert verbs.purge(1000, reported) == 0
        assert reported.is_of(ended)

    def test_of_no_more_than_were_asked_for(self, verbs, fill, reported, clock):
        ended = fill([MINUTE] * 5, ip="::1", user_agent="x")
        clock.advance(hours=2)
        for so_far in (2, 4, 5, 5):
            verbs.purge(2, reported)
            assert len(reported.found) == (so_far if reported.are_reported else 0)
        assert reported.is_of(ended)

    def test_of_nothing_where_nothing_ended(self, verbs, fill, reported, clock):
        fill([5 * HOUR])
        verbs.acquire_lease(A, "owner", clock.now + MINUTE)
        clock.advance(hours=2)
        assert verbs.purge(on_deleted=reported) == 0
        assert reported.found == []

    def test_as_it_was_at_the_end(self, verbs, fill, reported, clock):
        ((id, record),) = fill([HOUR], references=BOTH).items()
        change = Change(label="renamed", references={"org": None, "team": "x"}, ip="::2")
        change = replace(change, expires_at=clock.now + 2 * HOUR)
        verbs.update(id, change)
        clock.advance(hours=4)
        verbs.purge(on_deleted=reported)
        assert reported.is_of({id: change.apply_to(record)})

    def test_not_of_entries_of_the_index(self, verbs, fill, reported, clock):
        ended = fill([HOUR], references=BOTH)
        clock.advance(days=3)
        verbs.purge(on_deleted=reported)
        assert reported.is_of(ended)

    def test_maybe_in_another_thread(self, verbs, fill, reported, clock):
        fill([MINUTE])
        clock.advance(hours=2)
        threads = []
        verbs.purge(on_deleted=lambda found: threads.append(get_ident()))
        assert len(threads) == 1 or not reported.are_reported

    @pytest.mark.thorough
    def test_not_of_what_lives_on_under_another_id(self, clock):
        storage, reported = STORAGES["dynalite"](clock), []
        storage.insert(A, make_record(clock, references=BOTH))
        (left,) = storage.connection.read_all(storage.table.name, storage.requests.facts([A]))
        version = left[encoding.VERSION]["S"]
        assert storage.connection.write(storage.requests.claim(A, version, "0" * 16)).done
        assert storage.purge(on_deleted=reported.extend) == 1
        assert reported == []
