"""The storage contract: every verb, blocking and async, on every storage and on real servers."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from datetime import timedelta

import pytest

import django_multisession.storage
from django_multisession.core.expiry import NEVER
from django_multisession.core.record import Change
from django_multisession.storage.db.dialects import Dialect
from support.subjects import EVERY, STORAGES, build, make_record

A, B, C = "A" * 43, "a" * 43, "_-" * 21 + "c"  # ids: case counts

# Names and values that have broken JSON, SQL or paths in other projects.
AWKWARD = {
    "": b'""',
    "plain": b'"text"',
    'quote"d': b'"\\""',
    "it's": b"'; DROP TABLE x; --",
    "back\\slash": b"\\",
    "per%cent %s": b"%s",
    "$.path[0]": b"[1]",
    "a.b": b"{}",
    "\u00fc\u4e2d\U0001f600": b'"\\u00fc"',
    "null": b"null",
    "nested": b'{"x": {"y": null}}',
    "escaped": b'"\\u0000 \\ud800"',
    "large": b"x" * 200_000,
}


@pytest.fixture(params=EVERY)
def storage(request, clock):
    yield from build(request.param, clock, request)


def ids(found):
    return [id for id, _ in found]


def test_every_storage_is_a_subject():
    modules = {module.name for module in pkgutil.iter_modules(django_multisession.storage.__path__)}
    assert modules - {"base"} == {"memory", "db", "redis", "dynamodb"}
    dialects = {cls.__name__.lower() for cls in leaves(Dialect)}
    assert dialects == {"postgresql", "sqlite", "mysql"}
    subjects = {"memory", "sqlite", "postgres", "mariadb", "mysql", "redis", "sentinel", "cluster"}
    subjects |= {"dynamodb", "dynalite"}
    assert subjects < STORAGES.keys()


def leaves(cls):
    subclasses = cls.__subclasses__()
    return [leaf for sub in subclasses for leaf in leaves(sub)] if subclasses else [cls]


class TestReadAndInsert:
    def test_nothing_is_none(self, verbs):
        assert verbs.read(A) is None

    def test_what_was_inserted_is_read(self, verbs, clock):
        record = make_record(
            clock,
            fields=AWKWARD,
            references={"user": "42", "org": "7", "team": "\u00fc 'x\" \\ %s"},
            ip="2001:db8::1",
            user_agent="Mozilla/5.0 'quoted\" \\ 100% \u00fc \U0001f600",
            label="CI robot",
        )
        assert verbs.insert(A, record) is True
        assert verbs.read(A) == record

    def test_the_last_of_all_dates(self, verbs, clock):
        record = make_record(clock, expires_at=NEVER)
        verbs.insert(A, record)
        assert verbs.read(A) == record

    def test_times_are_exact_and_utc(self, verbs, clock):
        clock.now = clock.now.replace(microsecond=1)
        lifetime = timedelta(hours=1, microseconds=1)
        verbs.insert(A, make_record(clock, expires_at=clock.now + lifetime))
        record = verbs.read(A)
        assert record.expires_at - record.created_at == lifetime
        assert record.created_at.utcoffset() == timedelta(0)

    def test_a_taken_id_changes_nothing(self, verbs, clock):
        first = make_record(clock, fields={"a": b"1"}, references={"user": "1", "org": "1"})
        verbs.insert(A, first)
        second = make_record(clock, fields={"b": b"2"}, references={"user": "2", "org": "2"})
        assert verbs.insert(A, second) is False
        assert verbs.read(A) == first
        assert ids(verbs.find("org", "2")) == []

    def test_ids_differ_by_case(self, verbs, clock):
        assert verbs.insert(A, make_record(clock, label="A"))
        assert verbs.insert(B, make_record(clock, label="a"))
        assert (verbs.read(A).label, verbs.read(B).label) == ("A", "a")

    @pytest.mark.parametrize("names", [(), ("plain",), ("plain", "nested", "absent"), ("",)])
    def test_only_the_fields_asked_for(self, verbs, clock, names):
        verbs.insert(A, make_record(clock, fields=AWKWARD, references={"user": "1"}))
        record = verbs.read(A, names)
        assert record.fields == {name: AWKWARD[name] for name in names if name in AWKWARD}
        assert record.references == {"user": "1"}

    def test_an_expired_record_reads_as_stored_or_not_at_all(self, verbs, storage, clock):
        verbs.insert(A, make_record(clock, expires_at=clock.now - timedelta(seconds=1)))
        record = verbs.read(A)
        assert (record is not None) == storage.shows_expired
        assert record is None or not record.is_live(clock.now)


class TestUpdate:
    def test_fields_merge_one_by_one(self, verbs, clock):
        verbs.insert(A, make_record(clock, fields=AWKWARD))
        change = Change(set={"plain": b"2", "new": b"3"}, unset={"null", "", "absent"})
        assert verbs.update(A, change) is True
        expected = {**AWKWARD, "plain": b"2", "new": b"3"}
        del expected["null"], expected[""]
        assert verbs.read(A).fields == expected

    @pytest.mark.parametrize("unset", ["a", "ab", "bd", "abcd"])
    def test_whatever_goes_with_what_is_set(self, verbs, clock, unset):
        """MariaDB's JSON_MERGE_PATCH loses a change that comes with a removal."""
        record = make_record(clock, fields=dict.fromkeys("abcd", b"1"))
        verbs.insert(A, record)
        set_ = {} if "c" in unset else {"c": b"2", "e": b"2"}
        change = Change(set=set_, unset={*unset})
        verbs.update(A, change)
        assert verbs.read(A) == change.apply_to(record)

    def test_values_are_replaced_whole(self, verbs, clock):
        verbs.insert(A, make_record(clock, fields={"cart": b'{"x":1}'}))
        verbs.update(A, Change(set={"cart": b'{"z":{"y":null}}'}))
        assert verbs.read(A).fields == {"cart": b'{"z":{"y":null}}'}

    @pytest.mark.parametrize(
        "change",
        [
            Change(label="renamed"),
            Change(ip="192.0.2.1"),
            Change(user_agent="curl"),
            Change(set=AWKWARD),
            Change(set={"a": b"2"}, unset={"b"}),
            Change(references={"user": "2"}),
            Change(references={"user": None, "org": "9"}),
            Change(references={"org": None, "team": "x"}, set={"a": b"3"}),
            Change(),
        ],
        ids=str,
    )
    def test_every_change_is_the_specified_merge(self, verbs, clock, change):
        record = make_record(
            clock,
            fields={"a": b"1", "b": b"1"},
            references={"user": "1", "org": "1"},
            ip="::1",
            user_agent="x",
        )
        verbs.insert(A, record)
        assert verbs.update(A, change) is True
        assert verbs.read(A) == change.apply_to(record)

    def test_times_move(self, verbs, clock):
        record = make_record(clock, fields={"a": b"1"})
        verbs.insert(A, record)
        clock.advance(hours=3)
        change = Change(last_seen_at=clock.now, expires_at=clock.now + timedelta(days=20))
        verbs.update(A, change)
        assert verbs.read(A) == change.apply_to(record)

    def test_what_is_gone_stays_gone(self, verbs):
        assert (
            verbs.update(A, Change(set={"a": b"1"}, references={"user": "1", "org": "1"})) is False
        )
        assert verbs.read(A) is None
        assert ids(verbs.find("org", "1")) == []

    def test_what_is_over_stays_over(self, verbs, storage, clock):
        verbs.insert(A, make_record(clock, expires_at=clock.now + timedelta(minutes=1)))
        clock.advance(minutes=1)
        later = clock.now + timedelta(days=1)
        assert verbs.update(A, Change(expires_at=later, references={"org": "1"})) is False
        assert ids(verbs.find("org", "1")) == []
        assert verbs.count() == 0


class TestRename:
    def test_the_record_moves_with_its_references(self, verbs, clock):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1", "org": "7"})
        verbs.insert(A, record)
        change = Change(set={"b": b"2"}, references={"user": "2"}, label="moved")
        assert verbs.rename(A, B, change) is True
        assert verbs.read(A) is None
        assert verbs.read(B) == change.apply_to(record)
        assert ids(verbs.find("user", "1")) == []
        assert ids(verbs.find("user", "2")) == ids(verbs.find("org", "7")) == [B]

    def test_what_the_caller_knows_may_be_old(self, verbs, clock):
        verbs.insert(A, make_record(clock, fields={"a": b"1"}, references={"user": "1"}))
        known = verbs.read(A)
        verbs.update(A, Change(set={"b": b"2"}, references={"org": "7"}))
        record = verbs.read(A)
        assert verbs.rename(A, B, Change(set={"c": b"3"}), known) is True
        assert verbs.read(B) == Change(set={"c": b"3"}).apply_to(record)
        assert ids(verbs.find("org", "7")) == [B]
        assert verbs.rename(A, C, Change(), known) is False
        verbs.delete(B)
        assert verbs.rename(B, C, Change(), record) is False
        assert verbs.read(C) is None

    def test_the_old_id_is_dead(self, verbs, clock):
        verbs.insert(A, make_record(clock))
        verbs.rename(A, B, Change())
        assert verbs.update(A, Change(label="late")) is False
        assert verbs.rename(A, C, Change()) is False
        assert verbs.delete(A) is None

    def test_nothing_to_rename(self, verbs, clock):
        assert verbs.rename(A, B, Change()) is False
        verbs.insert(A, make_record(clock, expires_at=clock.now))
        assert verbs.rename(A, B, Change(expires_at=clock.now + timedelta(days=1))) is False
        assert verbs.read(B) is None

    def test_two_sessions_are_never_merged(self, verbs, clock):
        first, second = make_record(clock, label="1"), make_record(clock, label="2")
        verbs.insert(A, first), verbs.insert(B, second)
        with pytest.raises(Exception):  # noqa: B017, PT011 - the server's own error
            verbs.rename(A, B, Change())
        assert (verbs.read(A), verbs.read(B)) == (first, second)


class TestDelete:
    def test_it_gives_the_stored_record_once(self, verbs, clock):
        record = make_record(
            clock, fields={"a": b"1"}, references={"user": "1", "org": "7"}, ip="::1"
        )
        verbs.insert(A, record)
        assert verbs.delete(A) == replace(record, fields={})
        assert verbs.delete(A) is None
        assert verbs.read(A) is None

    @pytest.mark.parametrize("minutes", [-1, 0, 1])
    def test_only_what_is_over(self, verbs, storage, clock, minutes):
        end = clock.now + timedelta(minutes=minutes)
        verbs.insert(A, make_record(clock, expires_at=end, label="x"))
        ended = verbs.delete(A, True)
        if minutes > 0:
            assert ended is None
            assert verbs.read(A).label == "x"
        else:
            # Other storages may still return it in the millisecond in which it expires.
            assert ended is not None or not storage.shows_expired
            assert verbs.read(A) is None

    def test_the_index_follows_the_stored_references(self, verbs, clock):
        verbs.insert(A, make_record(clock, references={"user": "1", "org": "7"}))
        verbs.update(A, Change(references={"org": "8"}))
        verbs.delete(A)
        assert ids(verbs.find("user", "1")) == ids(verbs.find("org", "8")) == []


class TestFind:
    @pytest.mark.parametrize("name", ["user", "org"])
    def test_exactly_those_that_have_it(self, verbs, clock, name):
        other = "org" if name == "user" else "user"
        verbs.insert(A, make_record(clock, references={name: "Ann", other: "Bob"}))
        verbs.insert(B, make_record(clock, references={name: "ann", other: "Ann"}))
        verbs.insert(C, make_record(clock))
        assert ids(verbs.find(name, "Ann")) == [A]
        assert ids(verbs.find(name, "ann")) == [B]
        for value in ("Ann%", "", "Ann ", " Ann", "\u00c4nn"):
            assert ids(verbs.find(name, value)) == []

    def test_without_fields(self, verbs, clock):
        record = make_record(clock, fields={"a": b"1"}, references={"user": "1"}, label="x")
        verbs.insert(A, record)
        assert verbs.find("user", "1") == [(A, replace(record, fields={}))]

    @pytest.mark.parametrize("name", ["user", "org"])
    def test_a_moved_reference_is_found_where_it_is(self, verbs, clock, name):
        verbs.insert(A, make_record(clock, references={name: "1"}))
        verbs.update(A, Change(references={name: "2"}))
        assert (ids(verbs.find(name, "1")), ids(verbs.find(name, "2"))) == ([], [A])
        verbs.update(A, Change(references={name: None}))
        assert ids(verbs.find(name, "2")) == []

    @pytest.mark.parametrize("name", ["user", "org"])
    def test_live_ones_only(self, verbs, clock, name):
        soon = clock.now + timedelta(minutes=1)
        verbs.insert(A, make_record(clock, references={name: "1"}, expires_at=soon))
        assert ids(verbs.find(name, "1")) == [A]
        clock.now = soon
        assert ids(verbs.find(name, "1")) == []

    @pytest.mark.parametrize("name", ["user", "org"])
    def test_more_than_a_batch(self, verbs, clock, monkeypatch, name):
        monkeypatch.setattr("django_multisession.storage.db.storage.BATCH", 3)
        monkeypatch.setattr("django_multisession.storage.base.ASYNC_BATCH", 2)
        many = [f"{number:043}" for number in range(10)]
        for id in many:
            verbs.insert(id, make_record(clock, references={name: "1"}))
        assert sorted(ids(verbs.find(name, "1"))) == many
        ended = verbs.delete_matching(name, "1", many[4])
        assert sorted([*ids(ended), many[4]]) == many
        assert ids(verbs.find(name, "1")) == [many[4]]


class TestDeleteFound:
    @pytest.mark.parametrize("name", ["user", "org"])
    def test_all_but_the_one_kept(self, verbs, clock, name):
        for id, value in ((A, "1"), (B, "1"), (C, "2")):
            verbs.insert(id, make_record(clock, fields={"a": b"1"}, references={name: value}))
        assert verbs.delete_matching(name, "1", B) == [
            (A, make_record(clock, references={name: "1"}))
        ]
        assert verbs.read(A) is None
        assert verbs.read(B) is not None
        assert verbs.read(C) is not None
        assert ids(verbs.delete_matching(name, "1")) == [B]

    def test_those_that_are_over_are_left_to_the_purge(self, verbs, clock):
        verbs.insert(A, make_record(clock, references={"user": "1"}, expires_at=clock.now))
        assert verbs.delete_matching("user", "1") == []


class TestPage:
    def test_every_live_session_once_without_fields(self, verbs, clock):
        many = [f"{number:043}" for number in range(7)]
        for id in many:
            verbs.insert(id, make_record(clock, fields={"a": b"1"}, label=id))
        verbs.insert(A, make_record(clock, expires_at=clock.now))
        seen, after = [], None
        while True:
            page, after = verbs.page(after, 3)
            seen += page
            if after is None:
                break
            assert len(page) == 3
        assert sorted(ids(seen)) == many
        assert all(record == make_record(clock, label=id) for id, record in seen)

    def test_a_full_last_page_has_no_next(self, verbs, clock):
        for id in (A, B):
            verbs.insert(id, make_record(clock))
        page, after = verbs.page(None, 2)
        assert (len(page), after) == (2, None)
        assert verbs.page() == (verbs.page(None, 2)[0], None)

    def test_the_most_recently_active_come_first(self, verbs, storage, clock):
        for id in (B, A, C):
            verbs.insert(id, make_record(clock))
            clock.advance(hours=2)
        verbs.update(A, Change(last_seen_at=clock.now, expires_at=clock.now + timedelta(days=14)))
        if storage.pages_by_activity:
            assert ids(verbs.page()[0]) == [A, C, B]
        assert sorted(ids(verbs.page()[0])) == sorted([A, B, C])

    @pytest.mark.parametrize("cursor", ["", "x", "1", "-", "1-2-3", "9" * 50 + "-1", "\0", A])
    def test_what_is_no_cursor_is_refused(self, verbs, cursor):
        with pytest.raises(ValueError, match="ursor"):
            verbs.page(cursor)


class TestCountPurgeClear:
    def test_count_is_of_the_live(self, verbs, clock):
        ends = [timedelta(0), timedelta(minutes=1), timedelta(minutes=59), timedelta(days=3)]
        for number, end in enumerate(ends):
            verbs.insert(f"{number:043}", make_record(clock, expires_at=clock.now + end))
        assert verbs.count() == 3
        clock.advance(minutes=1)
        assert verbs.count() == 2

    def test_purge_takes_the_expired_and_no_more_than_the_limit(self, verbs, clock):
        for number in range(5):
            refs = {"user": "1", "org": str(number)}
            end = clock.now + timedelta(minutes=number)
            verbs.insert(f"{number:043}", make_record(clock, references=refs, expires_at=end))
        verbs.insert(A, make_record(clock))
        clock.advance(hours=2)
        assert [verbs.purge(2), verbs.purge(2), verbs.purge(2)] == [2, 2, 1]
        assert verbs.purge() == 0
        assert verbs.read(A) is not None

    def test_purge_leaves_the_live(self, verbs, clock):
        verbs.insert(A, make_record(clock, expires_at=clock.now + timedelta(minutes=1)))
        assert verbs.purge() == 0
        assert verbs.read(A) is not None

    def test_clear(self, verbs, clock):
        for id in (A, B):
            verbs.insert(id, make_record(clock, references={"user": "1", "org": "1"}))
        assert verbs.clear() == 2
        assert (verbs.count(), verbs.page(), verbs.find("org", "1")) == (0, ([], None), [])
        assert verbs.clear() == 0
