"""Signals of pruning: one for each session, and no records are read without receivers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession import signals
from django_multisession.storage.redis import RedisStorage
from support.project import failing, hearing, install
from support.prune_processes import add, facts_of, run
from support.subjects import STORAGES

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BOTH = {"user": "1", "org": "7"}


@pytest.fixture
def filled(storage, clock, settings, monkeypatch):
    """The ids of five expired sessions and of three idle ones. One more session is in use."""
    install(storage, settings, monkeypatch)
    add(storage, 1, 100 * DAY)
    idle = {"created_at": clock.now - 40 * DAY, "last_seen_at": clock.now - 40 * DAY}
    others = add(storage, 3, 100 * DAY, first=10, references={"user": "2"}, **idle)
    over = add(storage, 5, MINUTE, first=20, references=BOTH, fields={"a": b"1"})
    clock.advance(hours=2)
    return over, others


@pytest.fixture
def asked(storage, monkeypatch):
    """The ``on_deleted`` of each purge: None if the records of the deleted are not wanted."""
    purge, callbacks = storage.purge, []

    def noted(limit, on_deleted):
        callbacks.append(on_deleted)
        return purge(limit, on_deleted)

    monkeypatch.setattr(storage, "purge", noted)
    return callbacks


def expected(ids, reason, references):
    """Return the arguments of the signals for these sessions, in the order of their ids."""
    facts = {"reason": reason, "references": references, "successor": None}
    return [{"handle": id, **facts} for id in sorted(ids)]


def in_order(events):
    return sorted(events, key=lambda each: each["handle"])


class TestOnEveryStorage:
    def test_of_each_that_was_over_once(self, filled, storage):
        over, _ = filled
        with hearing(signals.session_ended) as events:
            assert facts_of("--batch-size", "2") == (5, 0)
            facts_of()
        is_sent = not isinstance(storage, RedisStorage)  # Redis has deleted the sessions itself
        assert in_order(events) == expected(over if is_sent else [], "expired", BOTH)

    def test_of_each_that_a_policy_ended_once(self, filled):
        _, others = filled
        facts_of()
        with hearing(signals.session_ended) as events:
            assert facts_of("--idle", "30d", "--batch-size", "2") == (0, 3)
            facts_of("--idle", "30d")
        assert in_order(events) == expected(others, "pruned", {"user": "2"})

    def test_of_none_if_so_wished(self, filled, asked):
        with hearing(signals.session_ended) as events:
            assert facts_of("--idle", "30d", "--no-signals") == (5, 3)
        assert events == []
        assert asked == [None]

    def test_of_none_in_a_dry_run(self, filled):
        with hearing(signals.session_ended) as events:
            assert facts_of("--idle", "30d", "--dry-run") == (5, 3)
        assert events == []

    def test_where_nobody_listens_no_facts_are_asked_for(self, filled, asked):
        assert facts_of("--batch-size", "3") == (5, 0)
        assert asked == [None, None]

    def test_a_receiver_that_fails_keeps_nobody_from_it(self, filled, caplog):
        with failing(signals.session_ended), hearing(signals.session_ended) as events:
            assert facts_of("--idle", "30d") == (5, 3)
        assert len(events) >= 3

    def test_purges_are_what_somebody_who_listens_to_another_engine_does_not_hear(
        self, filled, asked
    ):
        def receive(**facts):
            raise AssertionError

        signals.session_ended.connect(receive, sender=int)
        try:
            facts_of()
        finally:
            signals.session_ended.disconnect(receive, sender=int)
        assert asked == [None]


def test_of_what_was_ended_before_the_server_went_away(
    memory_storage, clock, settings, monkeypatch
):
    install(memory_storage, settings, monkeypatch)
    add(memory_storage, 5, 100 * DAY)
    clock.advance(days=40)
    delete, deleted = memory_storage.delete, []

    def lost(id, expired_only=False):
        if len(deleted) == 3:
            raise ConnectionError("gone")
        deleted.append(id)
        return delete(id, expired_only)

    monkeypatch.setattr(memory_storage, "delete", lost)
    with hearing(signals.session_ended) as events:
        (facts,) = run("--idle", "30d", "--json").facts
    assert facts["status"] == "failed"
    assert sorted(each["handle"] for each in events) == sorted(deleted)
    assert facts["ended"] == 3


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_of_what_was_pruned_before_the_index_failed(kind, databases, clock, settings, monkeypatch):
    storage = STORAGES[kind](clock)
    install(storage, settings, monkeypatch)
    add(storage, 3, MINUTE, references=BOTH)
    clock.advance(hours=2)
    statements = storage.statements[storage.database]
    monkeypatch.setattr(statements, "delete_orphaned_references", "SELECT nothing FROM nowhere")
    with hearing(signals.session_ended) as events:
        outcome = run()
    assert outcome.status == 1
    assert storage.count(expired_only=True) == 0
    assert len(events) == 3
