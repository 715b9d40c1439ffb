"""The moving of all sessions: the outcome of each, and how often a source is read."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from django_multisession.core import keys
from django_multisession.management import move_job
from django_multisession.management.move_job import ENDED, FAILED, GONE, HERE, MOVED, Move
from django_multisession.management.scheduler import ShutdownFlag
from django_multisession.transfer import tombstones
from django_multisession.transfer.base import CannotMove, Source
from support.subjects import make_record


class Kept(Source):
    """A previous engine that keeps its sessions in a dict: key -> record, or an exception."""

    def __init__(self):
        super().__init__("project.sessions", object)
        self.sessions = {}
        self.passes = 0

    def find(self, name):
        found = self.sessions.get(name)
        if isinstance(found, Exception):
            raise found
        return found

    def remove(self, name):
        return self.sessions.pop(name, None) is not None

    def iterate(self):
        self.passes += 1
        for name in list(self.sessions):
            yield name, lambda name=name: self.find(name)


@pytest.fixture
def source():
    return Kept()


@pytest.fixture
def move(memory_storage, source, monkeypatch):
    """A move in which no session counts as left behind by a process that died."""
    monkeypatch.setattr(move_job, "SETTLED", 3600)
    return Move(source, memory_storage, ShutdownFlag(), workers=2)


def kept(source, found):
    key = keys.new_key()
    source.sessions[key] = found
    return keys.hash_key(key)


def outcomes(move):
    return {name: number for name, number in move.outcomes.items() if number}


def ignore(done):
    """Show no progress."""


def test_a_session_is_stored_and_deleted_in_the_source(move, source, memory_storage, clock):
    records = [make_record(clock, label=str(number)) for number in range(3)]
    handles = [kept(source, record) for record in records]
    move.run(ignore)
    assert [memory_storage.read(handle) for handle in handles] == records
    assert source.sessions == {}
    assert outcomes(move) == {MOVED: 3}


def test_passes_repeat_until_one_moves_nothing(move, source, clock):
    """Requests store sessions in the source while the first pass runs."""
    kept(source, make_record(clock))
    late = iter([make_record(clock)])

    def store_another(done):
        for record in late:
            kept(source, record)

    move.run(store_another)
    assert (outcomes(move), source.sessions) == ({MOVED: 2}, {})
    assert source.passes == 3


def test_a_session_that_has_expired_is_gone(move, source):
    kept(source, None)
    move.run(ignore)
    assert outcomes(move) == {GONE: 1}


def test_a_session_that_cannot_be_stored_stays_with_its_reason(move, source, clock):
    handle = kept(source, CannotMove("The field 'a' cannot be stored."))
    kept(source, make_record(clock))
    move.run(ignore)
    assert outcomes(move) == {MOVED: 1, FAILED: 1}
    assert move.faults == {handle: "The field 'a' cannot be stored."}
    assert len(source.sessions) == 1


def test_a_session_with_a_tombstone_is_deleted_and_not_moved(
    move, source, memory_storage, clock, monkeypatch
):
    monkeypatch.setattr(tombstones, "configured", lambda: (source,))
    handle = kept(source, make_record(clock))
    tombstones.add(memory_storage, handle)
    move.run(ignore)
    assert outcomes(move) == {ENDED: 1}
    assert (source.sessions, memory_storage.count()) == ({}, 0)


def test_what_a_dead_process_left_in_both_engines_is_deleted_in_the_source(
    source, memory_storage, clock, monkeypatch
):
    """Only in a later pass: in the first one a request may be moving the session."""
    monkeypatch.setattr(move_job, "SETTLED", 0.01)
    memory_storage.insert(kept(source, make_record(clock)), make_record(clock))
    move = Move(source, memory_storage, ShutdownFlag(), workers=1)
    move.run(ignore)
    assert outcomes(move) == {HERE: 1}
    assert (source.sessions, memory_storage.count(), source.passes) == ({}, 1, 2)


def test_a_count_predicts_the_outcomes_and_writes_nothing(
    move, source, memory_storage, clock, monkeypatch
):
    monkeypatch.setattr(tombstones, "configured", lambda: (source,))
    memory_storage.insert(kept(source, make_record(clock)), make_record(clock))
    tombstones.add(memory_storage, kept(source, make_record(clock)))
    for found in (make_record(clock), make_record(clock), None, CannotMove("too odd")):
        kept(source, found)
    before = dict(source.sessions)
    move.count(ignore)
    assert outcomes(move) == {MOVED: 2, HERE: 1, ENDED: 1, GONE: 1, FAILED: 1}
    assert (source.sessions, memory_storage.count()) == (before, 1)


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 450])
def test_every_session_is_taken_by_one_worker(source, memory_storage, clock, number, monkeypatch):
    reads = Counter()
    for _ in range(number):
        kept(source, make_record(clock))
    find = source.find
    monkeypatch.setattr(source, "find", lambda name: (reads.update([name]), find(name))[1])
    move = Move(source, memory_storage, ShutdownFlag(), workers=2)
    move.count(ignore)
    assert (len(reads), set(reads.values())) == (number, {1} if number else set())
    assert outcomes(move) == ({MOVED: number} if number else {})


def test_a_move_that_is_asked_to_stop_leaves_the_rest(source, memory_storage, clock):
    kept(source, make_record(clock))
    move = Move(source, memory_storage, ShutdownFlag(timedelta(0)), workers=1)
    move.run(ignore)
    assert (outcomes(move), len(source.sessions)) == ({}, 1)


def test_the_progress_is_the_number_of_sessions_so_far(move, source, clock):
    counts = []
    for _ in range(5):
        kept(source, make_record(clock))
    move.count(counts.append)
    assert counts == [1, 2, 3, 4, 5]


def test_an_outage_of_the_source_is_raised(move, source):
    kept(source, OSError("no route"))
    with pytest.raises(OSError, match="no route"):
        move.run(ignore)
