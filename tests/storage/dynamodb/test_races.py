"""Two verbs at the same time: one runs while a request of the other is under way.

Each request of a verb is interrupted in turn. Nothing is lost, doubled or brought back, and the
index contains all sessions.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding
from support.dynamodb_servers import NODES
from support.dynamodb_worlds import CLOCK, LATER, OVER, SEEDS, A, B, C, D, world
from support.project import store_on
from support.subjects import Clock

pytestmark = pytest.mark.usefixtures("hurried")

DATED = Change(references={"user": "3"}, expires_at=LATER)
UNDATED = Change(references={"user": "3"})  # which makes us read and write the whole
WIDE = Change(set={f"field {number}": b"1" for number in range(101)})
SLOW_CLOCK = Clock()  # of a machine that is behind: to it nobody is over
SLOW_CLOCK.now = CLOCK.now - timedelta(minutes=1)


@pytest.fixture(scope="module", params=NODES)
def there(request):
    with world(request.param) as there:
        yield there


@pytest.fixture
def crossing(there):
    """``for answer, other, kept in crossing(verb, interruption)``"""

    def cross(verb, action, clock=CLOCK):
        for spared in count():
            storage, others = there.storage(), []
            beside = there.beside(storage, clock)
            there.proxy.before(lambda: others.append(action(beside)), after=spared)
            answer = verb(storage)
            there.proxy.clear()
            if not others:
                assert spared
                return
            yield answer, others[0], there.kept(storage)

    yield cross
    there.proxy.clear()


def save(it):
    return it.update(A, Change(set={"late": b"1"}))


def rename(it):
    return it.rename(A, D, Change(set={"a": b"2"}))


def log_out_everywhere(it):
    return dict(it.delete_matching("user", "1"))


def is_end(request):
    return request.operation in {"TransactWriteItems", "DeleteItem"}


def without(*ids):
    return {id: record for id, record in SEEDS.items() if id not in ids}


class TestNewId:
    def test_a_save_comes_along_or_is_refused(self, crossing):
        for renamed, saved, kept in crossing(rename, save):
            assert renamed is True
            fields = {"a": b"2", "b": b"1"} | ({"late": b"1"} if saved else {})
            assert kept == {**without(A), D: replace(SEEDS[A], fields=fields)}

    def test_of_a_record_that_was_read_before(self, there):
        """The record that the caller has read is older than the stored one."""
        storage = there.storage()
        known = storage.read(A)
        assert save(there.beside(storage))
        assert storage.rename(A, D, Change(label="moved"), known) is True
        assert there.kept(storage)[D].fields == {**SEEDS[A].fields, "late": b"1"}

    def test_a_move_comes_along(self, crossing):
        for renamed, moved, kept in crossing(rename, lambda it: it.update(A, DATED)):
            assert renamed is True
            assert kept.keys() == {B, D, OVER}
            assert kept[D].references == {"user": "3" if moved else "1", "org": "2"}

    def test_one_of_two_wins(self, crossing):
        for renamed, won, kept in crossing(rename, lambda it: it.rename(A, C, Change())):
            assert [renamed, won].count(True) == 1
            assert kept.keys() == {B, D if renamed else C, OVER}

    def test_an_end_comes_before_or_after(self, crossing):
        for renamed, ended, kept in crossing(rename, lambda it: it.delete(A)):
            assert renamed is (ended is None)
            assert kept.keys() == ({B, D, OVER} if renamed else {B, OVER})


class TestSave:
    @pytest.mark.parametrize("change", [Change(label="x"), DATED, UNDATED, WIDE])
    def test_ends_nothing_nor_brings_it_back(self, crossing, change):
        for saved, ended, kept in crossing(
            lambda it: it.update(A, change), lambda it: it.delete(A)
        ):
            assert ended
            assert saved is False
            assert kept == without(A)

    @pytest.mark.parametrize("change", [Change(label="x"), DATED, UNDATED, WIDE])
    def test_and_a_save_are_both_kept(self, crossing, change):
        for saved, other, kept in crossing(lambda it: it.update(A, change), save):
            assert (saved, other) == (True, True)
            both = Change(set={"late": b"1"}).apply_to(change.apply_to(SEEDS[A]))
            assert kept == {**without(A), A: both}

    @pytest.mark.parametrize("change", [DATED, UNDATED])
    @pytest.mark.parametrize("theirs", [DATED, UNDATED])
    def test_two_that_move_the_same_reference(self, there, crossing, change, theirs):
        """The later one wins, and the index is right either way."""
        theirs = replace(theirs, references={"user": "4"})
        move = lambda it: it.update(A, change)  # noqa: E731
        for moved, other, kept in crossing(move, lambda it: it.update(A, theirs)):
            assert (moved, other) == (True, True)
            assert kept[A].references == {"user": "3", "org": "2"}

    def test_and_a_new_id(self, crossing):
        for saved, renamed, kept in crossing(save, rename):
            assert (saved, renamed) == (False, True)
            assert "late" not in kept[D].fields

    def test_an_end_tells_what_was_saved_last(self, crossing):
        for ended, saved, kept in crossing(lambda it: it.delete(A), lambda it: it.update(A, DATED)):
            assert ended.references["user"] == ("3" if saved else "1")
            assert kept == without(A)


class TestLogOutEverywhere:
    def test_reaches_a_session_on_its_way_to_a_new_id(self, crossing):
        for ended, renamed, kept in crossing(log_out_everywhere, rename):
            assert ended.keys() == {B, D if renamed else A}
            assert kept == without(A, B)

    def test_while_a_session_is_on_its_way(self, crossing):
        """The session gets a new id while the other verb runs."""
        for renamed, ended, kept in crossing(rename, log_out_everywhere):
            assert kept == without(A, B)
            assert {B} <= ended.keys() <= {A, B, D}
            assert renamed is (A not in ended)

    def test_spares_a_session_that_moved_away(self, crossing):
        for ended, moved, kept in crossing(log_out_everywhere, lambda it: it.update(A, DATED)):
            assert ended.keys() == ({B} if moved else {A, B})
            assert kept.keys() == ({A, OVER} if moved else {OVER})

    def test_but_not_one_that_was_saved(self, crossing):
        for ended, _, kept in crossing(log_out_everywhere, save):
            assert ended.keys() == {A, B}
            assert kept == without(A, B)

    def test_nor_one_that_is_saved_all_the_time(self, there):
        storage = there.storage()
        beside = there.beside(storage)
        there.proxy.before(lambda: save(beside), is_end, times=6)
        assert log_out_everywhere(storage).keys() == {A, B}
        assert there.proxy.struck == 6
        assert there.kept(storage) == without(A, B)

    def test_twice(self, crossing):
        """Each session is returned to exactly one of the two callers."""
        for ended, others, kept in crossing(log_out_everywhere, log_out_everywhere):
            assert sorted([*ended, *others]) == [A, B]
            assert kept == without(A, B)

    def test_ends_nobody_who_is_to_stay(self, crossing):
        end = lambda it: dict(it.delete_matching("user", "1", B))  # noqa: E731
        for ended, _, kept in crossing(end, rename):
            assert len(ended) == 1
            assert kept == without(A)


class TestExpired:
    """A session that has expired here is renewed by a machine whose clock is behind."""

    @staticmethod
    def renew(it):
        return it.update(OVER, Change(expires_at=LATER, set={"late": b"1"}))

    @pytest.mark.parametrize("verb", [lambda it: it.delete(OVER, True), lambda it: it.purge()])
    def test_what_is_renewed_before_it_is_deleted_stays(self, crossing, verb):
        for answer, renewed, kept in crossing(verb, self.renew, SLOW_CLOCK):
            assert bool(answer) is not renewed
            assert kept.keys() == ({A, B, OVER} if renewed else {A, B})
            assert not renewed or kept[OVER].expires_at == LATER

    def test_a_visit_does_not_end_it(self, there):
        storage = there.storage(seeds={})
        holder = store_on(storage)()
        holder["a"] = 1
        holder.save()
        late = CLOCK.now + timedelta(days=15)
        storage.clock = lambda: late
        beside, renewal = there.beside(storage), Change(expires_at=late + timedelta(days=1))
        there.proxy.before(lambda: beside.update(holder.handle, renewal), "DeleteItem")
        assert type(holder)(holder.session_key).load() == {}
        assert there.proxy.struck == 1
        assert type(holder)(holder.session_key).load() == {"a": 1}

    def test_an_entry_that_is_needed_again_stays(self, there):
        storage = there.storage()
        old = encoding.index_entry(A, "user", "3", encoding.seconds(CLOCK.now) - 1)
        there.client.put_item(TableName=storage.table.name, Item=old)
        beside = there.beside(storage)
        there.proxy.before(lambda: beside.update(A, DATED), is_end)
        assert storage.purge() == 1
        assert there.proxy.struck == 1
        assert there.kept(storage)[A].references["user"] == "3"


class TestFind:
    def found(self, there, action):
        """Return what find() yields if this happens between reading the index and the sessions."""
        storage = there.storage()
        beside = there.beside(storage)
        there.proxy.before(lambda: action(beside), "BatchGetItem")
        found = dict(storage.find("user", "1"))
        assert there.proxy.struck == 1
        return found

    def test_tells_what_was_saved(self, there):
        found = self.found(there, lambda it: it.update(A, Change(label="new")))
        assert (found.keys(), found[A].label) == ({A, B}, "new")

    @pytest.mark.parametrize("action", [lambda it: it.update(A, DATED), lambda it: it.delete(A)])
    def test_leaves_out_who_is_gone(self, there, action):
        assert self.found(there, action).keys() == {B}
