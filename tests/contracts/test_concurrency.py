"""Real threads on real servers, in the interleavings that lose updates in other engines."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import wait
from datetime import timedelta

import pytest
from django.db import transaction

from django_multisession import signals
from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.session import SessionGone
from django_multisession.storage.redis import RedisStorage
from support.project import store_on
from support.subjects import make_record
from support.together import POOL, THREADS, at_once, few_connections, threads  # noqa: F401 - close connections

OWNERS = 12


@pytest.fixture
def store(real_storage):
    return store_on(real_storage)


def new_session(store, **fields):
    holder = store()
    holder.update(fields)
    holder.save()
    return holder.session_key


def test_threads_that_each_set_a_field_of_one_session_all_win(store):
    key = new_session(store)

    def request(number: int) -> Callable[[], None]:
        def run() -> None:
            holder = store(key)
            holder[f"field {number}"] = number
            holder.save()

        return run

    assert at_once([request(number) for number in range(THREADS)]) == [None] * THREADS
    assert dict(store(key).items()) == {f"field {n}": n for n in range(THREADS)}


def test_set_and_end(store, real_storage):
    """In any order, an ended session stays ended, and a later save is refused."""
    for round in range(10):
        key = new_session(store, a=0)
        savers = []
        for number in range(6):
            holder = store(key)
            holder[f"f{number}"] = round
            savers.append(holder.save)
        answers = at_once([*savers, store(key).flush, *(store(key).touch for _ in range(3))])
        assert {type(answer) for answer in answers} <= {type(None), bool, SessionGone}
        assert real_storage.count() == 0


def test_touch_and_set(store, clock):
    key = new_session(store, a=0)
    clock.advance(minutes=5)
    for number in range(5):
        toucher, setter = store(key), store(key)
        assert toucher["a"] == setter["a"] == number
        setter["a"] = number + 1
        assert at_once([setter.save, toucher.touch]) == [None, True]
        assert store(key)["a"] == number + 1


def test_two_meet_an_expired_session(store, clock):
    """Neither fails, and the end is reported once."""
    told = []

    def receive(sender, reason, **facts):
        told.append(reason)

    signals.session_ended.connect(receive)
    try:
        for _ in range(5):
            key = new_session(store, a=1)
            clock.advance(days=15)
            assert at_once([store(key).load for _ in range(8)]) == [{}] * 8
    finally:
        signals.session_ended.disconnect(receive)
    assert told == ["expired"] * 5


def test_a_new_key_for_one_and_a_save_by_another(store):
    """Either the save came first and its field moved to the new id, or the save was refused."""
    for number in range(10):
        key = new_session(store, a=0)
        rotator, saver = store(key), store(key)
        assert rotator["a"] == saver["a"] == 0
        saver["late"] = number
        rotated, saved = at_once([rotator.cycle_key, saver.save])
        assert rotated is None
        assert saved is None or isinstance(saved, SessionGone)
        assert store(rotator.session_key).get("late") == (number if saved is None else None)
        assert not store().exists(key)


def test_one_key_of_many_new_ones_wins(store, real_storage):
    key = new_session(store, a=1)
    holders = [store(key) for _ in range(8)]
    assert [holder["a"] for holder in holders] == [1] * 8
    answers = at_once([holder.cycle_key for holder in holders])
    assert answers.count(None) == 1
    assert sum(isinstance(answer, SessionGone) for answer in answers) == 7
    assert real_storage.count() == 1
    assert store(holders[answers.index(None)].session_key)["a"] == 1


def test_one_insert_of_many_wins(real_storage, clock):
    records = [make_record(clock, label=str(n), references={"org": str(n)}) for n in range(8)]
    answers = at_once([lambda r=r: real_storage.insert("A" * 43, r) for r in records])
    assert answers.count(True) == 1
    assert answers.count(False) == 7
    assert real_storage.read("A" * 43) == records[answers.index(True)]


def test_purges_at_once_take_each_session_once_and_none_that_lives(real_storage, store, clock):
    for number in range(60):
        real_storage.insert(f"{number:043}", make_record(clock, expires_at=clock.now))
    clock.advance(hours=2)
    key = new_session(store, a=0)
    saver = store(key)
    saver["a"] = 1
    answers = at_once([*([lambda: real_storage.purge(20)] * 4), saver.save])
    rest = real_storage.purge(100)
    assert answers[-1] is None
    assert sum(answers[:-1]) + rest == 60
    assert store(key)["a"] == 1


def test_purges_at_once_tell_of_each_session_once(real_storage, clock):
    records = {
        f"{number:02}{number:041}": make_record(
            clock, expires_at=clock.now, references={"user": str(number), "org": "7"}
        )
        for number in range(60)
    }
    for id, record in records.items():
        real_storage.insert(id, record)
    clock.advance(hours=2)
    told = []
    answers = at_once([lambda: real_storage.purge(20, told.extend)] * 4)
    rest = real_storage.purge(100, told.extend)
    assert sum(answers) + rest == 60
    assert sorted(told) == ([] if isinstance(real_storage, RedisStorage) else [*records.items()])


@pytest.mark.parametrize("name", ["user", "org"])
def test_log_out_everywhere_while_sessions_are_saved_and_renamed(
    real_storage, clock, settings, name
):
    """No session that existed before the call is left, even if its key changed in the meantime."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    store = store_on(real_storage)
    field = settings.MULTISESSION_REFERENCES[name]
    for _ in range(5):
        holders = []
        for number in range(9):
            holder = store()
            holder.update({field: "7", "n": number})
            holder.save()
            holder["n"] += 1
            holders.append(holder)
        saves = [holder.save for holder in holders[:4]]
        rotations = [holder.cycle_key for holder in holders[4:]]
        answers = at_once(
            [*saves, *rotations, lambda: list(real_storage.delete_matching(name, "7"))]
        )
        # On a cluster, a session that gets a new id exists twice for a moment; both end.
        assert 9 <= len(answers[-1]) <= 9 + len(rotations)
        assert real_storage.count() == 0
        assert {type(answer) for answer in answers[:-1]} <= {type(None), SessionGone}


def test_moving_away_and_being_ended(real_storage, clock):
    """A session is ended by its reference only if it still has the reference at that moment."""
    for name in ("user", "org"):
        for _ in range(10):
            real_storage.insert("A" * 43, make_record(clock, references={name: "1"}))
            moved, ended = at_once(
                [
                    lambda: real_storage.update("A" * 43, Change(references={name: "2"})),
                    lambda: list(real_storage.delete_matching(name, "1")),
                ]
            )
            assert moved is (not ended)
            assert (real_storage.delete("A" * 43) is not None) is moved


def test_deleting_at_once_gives_the_record_to_one(real_storage, clock):
    for _ in range(5):
        real_storage.insert("A" * 43, make_record(clock, references={"user": "1", "org": "1"}))
        answers = at_once([lambda: real_storage.delete("A" * 43)] * 6)
        assert sum(answer is not None for answer in answers) == 1


def test_expiry_moves_only_forward_for_who_saw_it_last(real_storage, clock):
    real_storage.insert("A" * 43, make_record(clock))
    ends = [clock.now + timedelta(days=day) for day in range(1, 9)]
    changes = [
        lambda end=end: real_storage.update("A" * 43, Change(expires_at=end)) for end in ends
    ]
    assert at_once(changes) == [True] * 8
    assert real_storage.read("A" * 43).expires_at in ends


def test_one_owner_of_many_gets_a_lease(real_storage, clock):
    soon = clock.now + timedelta(minutes=1)
    for _ in range(5):
        name = keys.new_handle()
        answers = at_once(holds(real_storage, name, soon))
        assert_one(answers)
        assert real_storage.active_leases([name]) == {name: soon}
        assert real_storage.acquire_lease(name, f"owner {answers.index(True)}", clock.now) is True


def test_one_owner_of_many_gets_a_lease_that_is_over_while_it_is_purged(real_storage, clock):
    for _ in range(5):
        name, soon = keys.new_handle(), clock.now + timedelta(minutes=1)
        assert real_storage.acquire_lease(name, "somebody else", soon) is True
        clock.now = soon
        calls = holds(real_storage, name, soon + timedelta(minutes=1))
        *answers, first, second = at_once([*calls, real_storage.purge, real_storage.purge])
        assert_one(answers)
        assert (first, second) == (0, 0)


def test_renewals_and_purges_at_once(real_storage, clock):
    """A renewed lease is kept while expired ones are purged."""
    for _ in range(5):
        names, soon = [keys.new_handle() for _ in range(8)], clock.now + timedelta(minutes=1)
        for name in names:
            assert real_storage.acquire_lease(name, "ann", soon) is True
            real_storage.acquire_lease(keys.new_handle(), "bob", clock.now)
        later = soon + timedelta(minutes=1)
        renewals = [
            lambda name=name: real_storage.acquire_lease(name, "ann", later) for name in names
        ]
        assert at_once([*renewals, *[real_storage.purge] * 3]) == [True] * 8 + [0] * 3
        clock.now = soon
        assert real_storage.active_leases(names) == dict.fromkeys(names, later)


def test_one_owner_in_many_threads_has_it_in_all(real_storage, clock):
    soon = clock.now + timedelta(minutes=1)
    for _ in range(10):
        name = keys.new_handle()
        calls = [lambda name=name: real_storage.acquire_lease(name, "ann", soon)] * OWNERS
        assert at_once(calls) == [True] * OWNERS


def test_one_transaction_of_many_gets_a_lease(database_storage, clock):
    """The others wait for the end of that transaction and then continue."""
    alias, soon = database_storage.database, clock.now + timedelta(minutes=1)

    def in_transaction(hold):
        with transaction.atomic(using=alias):
            taken = hold()
            database_storage.insert(keys.new_handle(), make_record(clock))
        return taken

    for round in range(1, 4):
        name = keys.new_handle()
        calls = holds(database_storage, name, soon)
        assert_one(at_once([lambda call=call: in_transaction(call) for call in calls]))
        assert database_storage.active_leases([name]) == {name: soon}
        assert database_storage.count() == round * OWNERS


def test_a_lease_that_was_rolled_back_is_the_next_ones(database_storage, clock):
    alias, soon = database_storage.database, clock.now + timedelta(minutes=1)
    for before in (None, clock.now):
        name = keys.new_handle()
        if before:
            database_storage.acquire_lease(name, "somebody else", before)
        with transaction.atomic(using=alias):
            assert database_storage.acquire_lease(name, "ann", soon) is True
            other = POOL.submit(database_storage.acquire_lease, name, "bob", soon)
            assert not wait([other], 0.2).done
            transaction.set_rollback(True, using=alias)
        assert other.result(20) is True
        assert database_storage.acquire_lease(name, "ann", soon) is False


def holds(storage, name, until):
    return [
        lambda owner=f"owner {number}": storage.acquire_lease(name, owner, until)
        for number in range(OWNERS)
    ]


def assert_one(answers):
    assert (answers.count(True), answers.count(False)) == (1, len(answers) - 1), answers
