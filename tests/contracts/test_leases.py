"""Leases on every storage, blocking and async, on real servers."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from django_multisession.core import keys
from django_multisession.core.expiry import NEVER
from django_multisession.core.record import Change
from django_multisession.models import SessionLease
from django_multisession.storage.dynamodb import leases
from support.subjects import STORAGES, make_record

ANN, BOB = "ann", "bob"
MINUTE, MOMENT = timedelta(minutes=1), timedelta(microseconds=1)
OWNERS = 8

# Texts that have broken SQL, formats or comparisons. Redis stores a lease as "digits owner".
AWKWARD = [
    *("", " ", "two words", " a ", "1 2", "12", "-", "=", "#0", ":0", "%s", "%", "\\", "\\0", "*"),
    *("'; DROP TABLE x; --", '"', "`", "{}", "[1]", "null", "(.*)", "a\nb", "\t", "\x01\x7f"),
    *("\u00fc", "u\u0308", "\u4e2d", "\U0001f600", "\u202e", "n" * 64, "\U0001f600" * 64),
]


@pytest.fixture
def names():
    """Return names that only this test uses: in a database, leases outlive the test."""
    return [keys.new_handle() for _ in range(3)]


@pytest.fixture
def name(names):
    return names[0]


@pytest.fixture
def soon(clock):
    clock.now = clock.now.replace(microsecond=1)
    return clock.now + MINUTE


class TestHold:
    def test_a_fresh_one_is_whose_who_takes_it(self, verbs, name, soon):
        assert verbs.active_leases([name]) == {}
        assert verbs.acquire_lease(name, ANN, soon) is True
        held = verbs.active_leases([name])
        assert (held, held[name].utcoffset()) == ({name: soon}, timedelta(0))

    def test_another_is_refused_and_changes_nothing(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        assert verbs.acquire_lease(name, BOB, soon + MINUTE) is False
        assert verbs.acquire_lease(name, ANN, soon) is True
        clock.advance(minutes=1)
        assert verbs.active_leases([name]) == {}

    def test_its_owner_renews_it(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        assert verbs.acquire_lease(name, ANN, soon + MINUTE) is True
        clock.advance(seconds=90)
        assert verbs.acquire_lease(name, BOB, soon + 2 * MINUTE) is False
        assert verbs.active_leases([name]) == {name: soon + MINUTE}

    def test_its_owner_may_want_it_for_less(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon + MINUTE)
        assert verbs.acquire_lease(name, ANN, soon) is True
        clock.advance(minutes=1)
        assert verbs.active_leases([name]) == {}
        assert verbs.acquire_lease(name, BOB, soon + MINUTE) is True

    def test_it_ends_at_the_moment_it_was_to(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        clock.now = soon - MOMENT
        assert verbs.active_leases([name]) == {name: soon}
        assert verbs.acquire_lease(name, BOB, soon + MINUTE) is False
        clock.now = soon
        assert verbs.active_leases([name]) == {}
        assert verbs.acquire_lease(name, BOB, soon + MINUTE) is True
        assert verbs.acquire_lease(name, ANN, soon + MINUTE) is False

    def test_its_owner_may_come_late(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        clock.advance(minutes=1)
        assert verbs.acquire_lease(name, ANN, soon + MINUTE) is True
        assert verbs.acquire_lease(name, BOB, soon + MINUTE) is False

    def test_until_now_gives_it_back(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        assert verbs.acquire_lease(name, BOB, clock.now) is False
        assert verbs.active_leases([name]) == {name: soon}
        assert verbs.acquire_lease(name, ANN, clock.now) is True
        assert verbs.active_leases([name]) == {}
        assert verbs.acquire_lease(name, BOB, soon) is True

    def test_what_nobody_has_is_given_back(self, verbs, name, soon, clock):
        assert verbs.acquire_lease(name, ANN, clock.now) is True
        assert verbs.active_leases([name]) == {}
        assert verbs.acquire_lease(name, BOB, soon) is True

    def test_for_ever(self, verbs, name, clock):
        assert verbs.acquire_lease(name, ANN, NEVER) is True
        clock.advance(days=10_000)
        assert verbs.active_leases([name]) == {name: NEVER}
        assert verbs.acquire_lease(name, BOB, NEVER) is False

    def test_each_name_is_another_lease(self, verbs, names, soon):
        letters = "Aa" + names[0][2:], "aA" + names[0][2:]
        for name, owner in zip([*names, *letters], [ANN, BOB, ANN, BOB, ANN], strict=True):
            assert verbs.acquire_lease(name, owner, soon) is True
        assert verbs.active_leases([*names, *letters]) == dict.fromkeys([*names, *letters], soon)

    @pytest.mark.parametrize("owner", AWKWARD, ids=ascii)
    def test_an_owner_is_any_text(self, verbs, name, soon, owner):
        assert verbs.acquire_lease(name, owner, soon) is True
        for other in {f"{owner[:-1]}~", f"~{owner[1:]}"} - {owner}:
            assert verbs.acquire_lease(name, other, soon) is False
        assert verbs.acquire_lease(name, owner, soon + MINUTE) is True

    def test_owners_are_compared_exactly(self, verbs, name, soon):
        verbs.acquire_lease(name, "ann \u00fc", soon)
        for other in (
            "Ann \u00fc",
            "ann \u00fc ",
            " ann \u00fc",
            "ann u",
            "ann u\u0308",
            "ann",
            "",
        ):
            assert verbs.acquire_lease(name, other, soon) is False


class TestHeld:
    def test_of_none(self, verbs):
        assert verbs.active_leases([]) == {}

    def test_of_some(self, verbs, names, soon, clock):
        verbs.acquire_lease(names[0], ANN, soon)
        verbs.acquire_lease(names[1], BOB, soon + MINUTE)
        assert verbs.active_leases(names) == {names[0]: soon, names[1]: soon + MINUTE}
        clock.advance(minutes=1)
        assert verbs.active_leases(names) == {names[1]: soon + MINUTE}

    @pytest.mark.parametrize("kind", [list, tuple, set, dict.fromkeys])
    def test_of_any_collection(self, verbs, names, soon, kind):
        verbs.acquire_lease(names[1], ANN, soon)
        assert verbs.active_leases(kind(names)) == {names[1]: soon}

    def test_of_one_named_twice(self, verbs, names, soon):
        verbs.acquire_lease(names[0], ANN, soon)
        assert verbs.active_leases([*names, *names]) == {names[0]: soon}

    @pytest.mark.parametrize("number", [100, 101, 250])
    def test_of_more_than_a_request_takes(self, verbs, soon, number):
        many = [keys.new_handle() for _ in range(number)]
        ours = dict.fromkeys([*many[::10], many[-1]], soon)
        for name in ours:
            verbs.acquire_lease(name, ANN, soon)
        assert verbs.active_leases(many) == ours
        assert verbs.active_leases(many * 2) == ours


class TestBesideSessions:
    @pytest.mark.parametrize("minutes", [1, 200], ids=["held", "over"])
    def test_no_lease_is_taken_for_a_session(self, verbs, name, soon, clock, minutes):
        verbs.acquire_lease(name, ANN, soon)
        clock.advance(minutes=minutes - 1)
        assert verbs.read(name) is None
        assert verbs.update(name, Change(label="x")) is False
        assert verbs.rename(name, "A" * 43, Change()) is False
        assert verbs.delete(name) is None
        assert verbs.find("lease", name) == verbs.find("user", ANN) == []
        assert verbs.delete_matching("lease", name) == []
        assert verbs.page() == ([], None)
        assert verbs.sample() == ([], 0)
        assert (verbs.count(), verbs.count(expired_only=True), verbs.purge()) == (0, 0, 0)
        assert verbs.active_leases([name]) == ({name: soon} if minutes == 1 else {})

    def test_a_session_of_the_same_name_is_another_thing(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        record = make_record(clock, references={"user": ANN})
        assert verbs.insert(name, record) is True
        assert verbs.acquire_lease(name, BOB, soon) is False
        assert verbs.read(name) == verbs.delete(name) == record
        assert verbs.active_leases([name]) == {name: soon}

    def test_to_clear_leaves_them(self, verbs, name, soon, clock):
        verbs.acquire_lease(name, ANN, soon)
        verbs.insert(name, make_record(clock, references={"user": "1", "org": "1"}))
        assert verbs.clear() == 1
        assert verbs.active_leases([name]) == {name: soon}
        assert verbs.acquire_lease(name, BOB, soon) is False


class TestWhatIsOverGoes:
    def test_from_a_database_with_a_purge(self, database_storage, names, soon, clock):
        table = SessionLease.objects.using(database_storage.database)

        def kept():
            return [lease.name for lease in table.filter(name__in=names).order_by("id")]

        for name, until in zip(names, [soon, soon + MINUTE, clock.now], strict=True):
            database_storage.acquire_lease(name, ANN, until)
        database_storage.insert("A" * 43, make_record(clock, expires_at=soon + 59 * MINUTE))
        clock.advance(minutes=1)
        assert kept() == names
        assert database_storage.purge() == 0  # no session yet: they expire on the hour
        assert kept() == [names[1]]
        clock.advance(hours=2)
        assert database_storage.purge(1) == 1
        assert kept() == [names[1]]  # it is not known to be the last batch
        assert database_storage.purge(1) == 0
        assert kept() == []

    @pytest.mark.parametrize("kind", ["redis", pytest.param("cluster", marks=pytest.mark.thorough)])
    def test_from_redis_by_itself(self, kind, name, soon, clock):
        storage = STORAGES[kind](clock)
        client, key = storage.topology.client(), storage.keys.lease(name)
        for until in (soon, soon + MINUTE, soon - timedelta(seconds=30)):
            storage.acquire_lease(name, ANN, until)
            assert client.pexpiretime(key) == math.ceil(until.timestamp() * 1000)
        storage.acquire_lease(name, ANN, clock.now)
        assert not client.exists(key)

    @pytest.mark.thorough
    @pytest.mark.parametrize("kind", ["dynamodb", "dynalite"])
    def test_from_dynamodb_by_itself(self, kind, name, soon, clock):
        storage = STORAGES[kind](clock)
        for until in (soon, soon + MINUTE, clock.now):
            storage.acquire_lease(name, ANN, until)
            (lease,) = storage.connection.read_all(storage.table.name, leases.active_leases([name]))
            assert 0 <= int(lease["ttl"]["N"]) - until.timestamp() < 1


def test_one_task_of_many_wins(real_storage, names, soon, clock):
    async def race(name):
        owners = [f"owner {number}" for number in range(OWNERS)]
        return await asyncio.gather(
            *(real_storage.aacquire_lease(name, each, soon) for each in owners)
        )

    for name in names:
        assert sorted(async_to_sync(race)(name)) == [False] * (OWNERS - 1) + [True]
