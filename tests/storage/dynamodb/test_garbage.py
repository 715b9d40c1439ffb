"""Items in the table that look like this package's and contain garbage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from logging import WARNING

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding
from support.dialects import Blocking
from support.dynamodb_observed import strange
from support.project import store_on

A, B = "A" * 43, "B" * 43
USER = {"user": "1"}
SECRET = "a-secret-value"
TEXT, NONE = {"S": SECRET}, {"NULL": True}


@pytest.fixture
def it(observed):
    return Blocking(observed.storage)


# What is wrong with an item of a session. Only dynalite compares a text with a number.
CORRUPT = {
    "created is missing": {"created": None},
    "seen is missing": {"seen": None},
    "references are missing": {"references": None},
    "the version is missing": {"version": None},
    "created is text": {"created": TEXT},
    "seen is no whole number": {"seen": {"N": "1.5"}},
    "seen is too large": {"seen": {"N": "9" * 30}},
    "references are text": {"references": TEXT},
    "a reference is a number": {"references": {"M": {"user": {"S": "1"}, "org": {"N": "1"}}}},
    "the version is a number": {"version": {"N": "1"}},
    "the ip is nothing": {"ip": NONE},
    "the agent is a list": {"agent": {"L": [TEXT]}},
    "the label is a map": {"label": {"M": {SECRET: TEXT}}},
}
UNDATED = {
    "expires is missing": {"expires": None},
    "expires is text": {"expires": TEXT},
}


class TestCorruptItems:
    @pytest.fixture
    def corrupt(self, observed):
        """The ids of corrupt sessions. B is intact. All belong to user 1."""
        kinds = [*CORRUPT.values(), *(UNDATED.values() if observed.kind == "dynalite" else ())]
        record = observed.record(fields={"a": SECRET.encode()}, references=USER)
        bound = encoding.new_bound(record.expires_at, observed.clock.now)
        ids = [f"{number:02}{'x' * 41}" for number in range(len(kinds))]
        for id, changes in zip(ids, kinds, strict=True):
            item = {**encoding.to_item(id, record, bound, "v"), **changes}
            observed.table.put({name: value for name, value in item.items() if value})
            observed.table.put(encoding.index_entry(id, "user", "1", bound))
        observed.storage.insert(B, record)
        return ids

    @pytest.fixture
    def whole(self, observed, corrupt):
        return (B, observed.record(references=USER))

    def test_they_read_as_none_and_are_logged_without_data(self, it, corrupt, caplog):
        for id in corrupt:
            caplog.clear()
            assert it.read(id) is None
            told = [r for r in caplog.records if r.name == "django.security.SuspiciousSession"]
            assert [(line.levelno, id in line.getMessage()) for line in told] == [(WARNING, True)]
            assert SECRET not in caplog.text
        assert it.read(B) is not None

    def test_whoever_offers_their_key_starts_from_nothing(self, observed, corrupt, monkeypatch):
        for id in corrupt:
            monkeypatch.setattr(keys, "hash_key", lambda key: id)
            holder = store_on(observed.storage)("k" * 28)
            assert (holder.load(), holder.session_key) == ({}, None)

    def test_listings_go_around_them(self, it, whole):
        assert it.find("user", "1") == [whole]
        assert it.page() == ([whole], None)
        assert it.count() >= 1

    def test_the_whole_ones_are_logged_out_everywhere(self, it, whole):
        assert it.delete_matching("user", "1") == [whole]
        assert it.delete_matching("user", "1") == []

    def test_they_can_be_ended(self, observed, it, corrupt):
        for id in corrupt[::2]:
            assert it.delete(id) is None
        assert observed.table.sessions().keys() == {*corrupt[1::2], B}
        it.clear()
        assert observed.table.items() == []

    def test_they_are_purged_in_their_time(self, observed, it, corrupt):
        observed.clock.advance(days=15)
        assert it.purge() == len(corrupt) + 1 - (len(UNDATED) if observed.kind == "dynalite" else 0)
        assert it.count() == 0

    def test_writing_to_them_breaks_nothing(self, observed, it, corrupt, whole):
        """A write succeeds or fails, depending on whether the garbage matters to it."""
        later = observed.clock.now + timedelta(days=20)
        for id in corrupt:
            assert it.update(id, Change(set={"b": b"2"}, expires_at=later)) in (True, False)
            assert it.update(id, Change(label="x", last_seen_at=later)) in (True, False)
            assert it.rename(id, f"{id[:2]}{'y' * 41}", Change(label="x")) in (True, False)
        assert whole in it.find("user", "1")


class TestOddItems:
    def test_what_else_is_in_an_item_is_passed_over(self, observed, it):
        record = observed.record(fields={"a": b"1"}, references=USER)
        it.insert(A, record)
        odd = {**observed.table.sessions()[A], "other": NONE, "a": {"SS": ["x"]}}
        observed.table.put(odd)
        assert it.read(A) == record
        assert it.find("user", "1") == [(A, record.without_fields())]
        assert it.update(A, Change(set={"b": b"2"}))
        assert it.rename(A, B, Change())
        assert it.read(B) == replace(record, fields={"a": b"1", "b": b"2"})

    def test_a_field_that_is_none_is_seen_by_who_reads_it(self, observed, it):
        record = observed.record(fields={"a": b"1"}, references=USER)
        it.insert(A, record)
        observed.table.put({**observed.table.sessions()[A], ".b": {"N": "1"}})
        assert it.read(A) is it.read(A, ["b"]) is None
        assert it.read(A, ["a"]) == record
        assert (
            it.find("user", "1")
            == it.delete_matching("user", "1")
            == [(A, replace(record, fields={}))]
        )

    @pytest.mark.parametrize("name", ["bound", "size"])
    def test_without_what_only_writes_need_it_goes_on(self, observed, it, name):
        record = observed.record(fields={"a": b"1"}, references=USER)
        it.insert(A, record)
        item = observed.table.sessions()[A]
        del item[name]
        observed.table.put(item)
        later = observed.clock.now + timedelta(days=20)
        change = Change(set={"b": b"2"}, expires_at=later, references={"org": "7"})
        assert it.update(A, change)
        assert it.read(A) == change.apply_to(record)
        assert name in observed.table.sessions()[A]
        assert it.find("org", "7") == it.find("user", "1")

    def test_entries_of_nobody(self, observed, it):
        it.insert(A, observed.record(references=USER))
        sorts = ["s", "x", A.lower(), "A" * 1000, "=", "\u4e2d"]
        observed.table.put(*(strange("r#user=1", sort) for sort in sorts))
        observed.table.put(strange("r#user=1", B, ttl={"N": "1"}, other=TEXT))
        observed.table.put(strange("r#", "x"), strange("s#", "s"), strange("s#1", "x", ttl=TEXT))
        assert [id for id, _ in it.find("user", "1")] == [A]
        assert [id for id, _ in it.page()[0]] == [A]
        assert it.count() == 1
        if observed.kind == "dynalite":  # moto compares no text with a number
            assert it.purge() == 1
        assert len(it.delete_matching("user", "1")) == 1
        assert it.delete_matching("user", "1") == []
        it.clear()
        assert observed.table.items() == []

    def test_sessions_of_keys_alone(self, observed, it):
        observed.table.put(strange(f"s#{A}", "s"), strange(f"s#{B}", "s", ttl={"N": "1"}))
        assert it.read(A) is None
        assert (it.count(), it.page(), it.purge()) == (0, ([], None), 0)
        assert it.update(A, Change(label="x")) is False
        assert it.insert(A, observed.record()) is False
        assert it.delete(A) is None
        assert it.insert(A, observed.record()) is True
