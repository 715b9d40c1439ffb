"""A purge reads the whole table in parts.

It continues where the last purge stopped, and several may run at the same time.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding, scan
from django_multisession.storage.dynamodb.requests import Requests
from support.dynamodb_observed import Patient
from support.dynamodb_servers import NODES
from support.project import store_on
from support.subjects import dynamodb, make_record

USER = {"user": "1"}
PER_LOOK = 5  # items of a segment
MOMENT = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def little_by_little(monkeypatch):
    """Scan the table in two segments with small answers."""
    over = Requests.expired
    monkeypatch.setattr(Requests, "expired", lambda *args: {**over(*args), "Limit": PER_LOOK})
    monkeypatch.setattr(scan, "SEGMENTS", 2)


@pytest.fixture
def full(observed):
    """Insert 30 expired sessions among 30 live ones."""
    observed.fill(30, "over-", expires_at=observed.clock.now, references=USER)
    return observed.fill(30, references=USER)


def left(observed):
    """Return the stored sessions, and the ids in the index."""
    entries = [item for item in observed.table.items() if not encoding.is_session(item)]
    return sorted(observed.table.sessions()), sorted(item["sk"]["S"] for item in entries)


@pytest.mark.parametrize("limit", [1, 7, 29, 30, 31, 1000])
def test_all_that_is_over_goes_and_nothing_else(observed, full, limit):
    purged = [observed.storage.purge(limit)]
    while purged[-1]:
        purged.append(observed.storage.purge(limit))
    assert sum(purged) == 30
    assert max(purged) <= limit
    assert left(observed) == (full, full)


def test_it_goes_on_where_it_stopped(observed, full):
    """Otherwise each purge would read again what the one before it has read."""
    whole = observed.proxy.calls(lambda: list(sweep_of(observed)))["Scan"]
    scans, purged = 0, []
    while not purged or purged[-1]:
        scans += observed.proxy.calls(lambda: purged.append(observed.storage.purge(4)))["Scan"]
    assert sum(purged) == 30
    # Each that stopped within a look repeats it, and the last one goes around once more.
    assert scans <= 2 * whole + 2 * len(purged)


def sweep_of(observed):
    return scan.Scan(observed.storage.connection).answers(
        observed.storage.requests.expired(observed.clock.now)
    )


def test_what_was_touched_meanwhile_stays(observed, full):
    """The session is touched after the scan and before the delete."""
    soon = observed.clock.now + timedelta(minutes=1)
    ids = observed.fill(5, "soon-", expires_at=soon, references=USER)
    observed.clock.advance(minutes=2)
    lively = make_record(observed.clock, references=USER)

    def come_back():
        observed.storage.delete(ids[0])
        observed.storage.insert(ids[0], lively)

    observed.proxy.before(come_back, lambda request: ids[0] in str(request.body))
    assert observed.storage.purge() == 34
    assert observed.storage.read(ids[0]) == lively
    assert left(observed)[0] == sorted([*full, ids[0]])


def test_entries_that_nobody_vouches_for_are_purged_and_counted(observed):
    (id,) = observed.fill(1, references=USER, expires_at=observed.clock.now + MOMENT)
    for user in "23":
        change = Change(references={"user": user}, expires_at=observed.clock.now + MOMENT)
        observed.storage.update(id, change)
    observed.clock.advance(seconds=2)
    assert observed.storage.purge() == 1
    assert left(observed) == ([], [id, id])
    observed.clock.advance(days=2)
    assert observed.storage.purge(1) == observed.storage.purge(1) == 1
    assert left(observed) == ([], [])


def test_what_is_over_later_is_purged_later(observed, full):
    """A later scan finds what expires during a purge."""
    observed.storage.purge(10)
    observed.clock.advance(days=29)
    purged = [1, 1]
    while any(purged[-2:]):
        purged.append(observed.storage.purge(10))
    assert left(observed) == ([], [])


def test_fewer_than_the_limit_means_that_there_are_no_more(observed, full):
    """`clearsessions` relies on it."""
    observed.storage.purge(29)
    observed.clock.advance(days=15)
    store_on(observed.storage).clear_expired()
    assert left(observed)[0] == []


@pytest.mark.parametrize("limit", [7, 1000])
@pytest.mark.parametrize("beside", [False, True], ids=["one process", "two processes"])
def test_several_at_once_purge_all_and_each_of_them_once(observed, full, limit, beside):
    storages = [observed.storage] * 4
    if beside:
        other = dynamodb(Patient(NODES[observed.kind]))(observed.clock)
        other.requests = observed.storage.requests
        storages[2:] = [other] * 2
    start = Barrier(4)

    def work(storage):
        start.wait(20)
        purged = [storage.purge(limit)]
        while purged[-1]:
            purged.append(storage.purge(limit))
        return sum(purged)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, storages)) == 30
    assert left(observed) == (full, full)


def test_saves_and_purges_at_once(observed):
    """A session that is saved in time stays."""
    ids = observed.fill(20, expires_at=observed.clock.now + MOMENT, references=USER)
    later = observed.clock.now + timedelta(days=1)
    observed.proxy.before(lambda: observed.clock.advance(seconds=2), "UpdateItem", after=10)

    def touch(id):
        return observed.storage.update(id, Change(expires_at=later))

    with ThreadPoolExecutor(4) as pool:
        purging = [pool.submit(observed.storage.purge) for _ in range(8)]
        touched = [*map(touch, ids)]
        purged = sum(each.result() for each in purging) + observed.storage.purge()
    assert Counter(touched) == {True: 20 - purged, False: purged}
    assert left(observed)[0] == [id for id, kept in zip(ids, touched, strict=True) if kept]
