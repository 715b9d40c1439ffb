from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from django_multisession.core.expiry import NEVER, to_microseconds
from django_multisession.core.record import Change, Record
from django_multisession.storage.base import SessionTooLarge
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.encoding import (
    FACTS,
    MAX_ITEM_BYTES,
    SIZE,
    TTL,
    WrongAnswer,
    to_record,
)
from support.dynamodb_answers import Request
from support.dynamodb_cases import AWKWARD, CHANGES, ID, RECORDS, TIMES, item_of
from support.dynamodb_rules import KB, assert_legal, size_of
from support.record_cases import BARE, EPOCH, NOW, RECORD

OTHER = "o" * 43
DAY = 86_400
ZEROS = 64  # bytes at most, that the numbers of an item take less where they end in zeros
LONG = Record(
    created_at=NOW, last_seen_at=NOW, expires_at=NEVER, fields=dict.fromkeys(AWKWARD, b"")
)


class TestRecords:
    @settings(deadline=None)
    @given(RECORDS)
    @example(RECORD)
    @example(BARE)
    @example(LONG)
    @example(replace(BARE, created_at=EPOCH, last_seen_at=NOW.replace(microsecond=1)))
    def test_come_back_whole(self, record):
        again = to_record(ID, item_of(record, version="v1"))
        assert again == record
        assert again.version == "v1"
        assert again.expires_at.tzinfo is timezone.utc

    @settings(deadline=None)
    @given(RECORDS)
    def test_their_facts_are_all_but_the_fields(self, record):
        facts = {name: value for name, value in item_of(record).items() if name in FACTS}
        assert to_record(ID, facts) == record.without_fields()

    def test_pass_over_what_else_is_in_the_item(self):
        item = {**item_of(RECORD), "later": {"B": b"\xff"}, "a": {"N": "1"}}
        assert to_record(ID, item) == RECORD

    @pytest.mark.parametrize("ip", [None, ""])
    def test_leave_out_facts_that_are_empty_but_not_fields(self, ip):
        item = item_of(replace(BARE, ip=ip, fields={"": b""}))
        assert item.keys() & {"ip", "agent", "label", "."} == {"."}

    @settings(deadline=None)
    @given(RECORDS, CHANGES)
    def test_writing_a_change_over_an_item_applies_it_but_for_references(self, record, change):
        item = {**item_of(record), **encoding.change_attributes(change)}
        for name in change.unset:
            item.pop(encoding.field_attribute(name), None)
        assert to_record(ID, item) == replace(change, references={}).apply_to(record)

    def test_a_change_holds_only_what_changed(self):
        assert encoding.change_attributes(Change(unset={"a"}, references={"user": "1"})) == {}
        assert encoding.change_attributes(Change(label="", set={"": b"1"})) == {
            "label": {"S": ""},
            ".": {"S": "1"},
        }

    def test_no_item_is_no_record_and_nothing_to_log(self, caplog):
        assert to_record(ID, None) is to_record(ID, {}) is None
        assert not caplog.records


class TestTimes:
    @given(TIMES)
    @example(NEVER)
    @example(NOW)
    @example(NOW.replace(microsecond=1))
    def test_dynamodb_deletes_nothing_before_its_end_and_a_second_later_at_most(self, end):
        times = encoding.expiry_attributes(end)
        early = int(times[TTL]["N"]) * 1_000_000 - to_microseconds(end)
        assert 0 <= early < 1_000_000
        assert int(times["expires"]["N"]) == to_microseconds(end)

    @given(TIMES, TIMES)
    @example(NEVER, NOW)
    @example(NOW, NEVER)
    def test_the_index_vouches_for_a_lifetime_more_and_a_day_at_least(self, end, now):
        margin = encoding.new_bound(end, now) - encoding.seconds(end)
        assert margin == max(encoding.seconds(end) - encoding.seconds(now), DAY)

    @given(TIMES, TIMES, st.integers(0, 10**12))
    def test_a_bound_is_kept_until_the_end_moves_beyond(self, end, now, bound):
        renewed = encoding.renew_bound(bound, end, now)
        assert renewed >= encoding.seconds(end)
        assert renewed in (bound, encoding.new_bound(end, now))
        assert (renewed == bound) or bound < encoding.seconds(end)

    @pytest.mark.parametrize("lifetime", [60, DAY, 14 * DAY])
    def test_touches_renew_it_once_a_lifetime_or_a_day(self, lifetime):
        bound, renewals = 0, 0
        for step in range(1000):
            now = NOW + timedelta(seconds=step * lifetime / 10)
            end = now + timedelta(seconds=lifetime)
            renewals += bound != encoding.renew_bound(bound, end, now)
            bound = encoding.renew_bound(bound, end, now)
        assert renewals <= 1 + 1000 * lifetime / 10 / max(lifetime, DAY)


class TestSizes:
    @settings(deadline=None)
    @given(RECORDS)
    @example(LONG)
    def test_what_is_counted_is_never_less_than_dynamodb_counts_nor_much_more(self, record):
        item = item_of(record, encoding.new_bound(record.expires_at, NOW), "0" * 16)
        assert size_of(item) <= encoding.size_of(item) <= int(item[SIZE]["N"])
        assert int(item[SIZE]["N"]) <= size_of(item) + ZEROS
        assert_legal(Request("PutItem", {"TableName": "sessions", "Item": item}))

    @given(st.integers(-(10**40), 10**40))
    @example(0)
    @example(-10)
    def test_so_it_is_of_numbers(self, number):
        assume(len(str(number).strip("-0")) <= 38)
        item = {"n": encoding.number(number)}
        assert size_of(item) <= encoding.size_of(item)

    @pytest.mark.parametrize("name", ["a", "\u00fc", "\U0001f600" * 3000])
    @pytest.mark.parametrize("label", ["", "\u4e2d" * 10_000])
    def test_a_byte_more_than_dynamodb_keeps_is_too_much(self, name, label):
        record = replace(RECORD, label=label, fields={name: b""})
        room = MAX_ITEM_BYTES - int(item_of(record)[SIZE]["N"])
        largest = item_of(replace(record, fields={name: b"x" * room}))
        assert (
            MAX_ITEM_BYTES - ZEROS < size_of(largest) <= int(largest[SIZE]["N"]) == MAX_ITEM_BYTES
        )
        with pytest.raises(SessionTooLarge) as caught:
            item_of(replace(record, fields={name: b"x" * (room + 1)}))
        assert (caught.value.size, caught.value.limit) == (MAX_ITEM_BYTES + 1, 400 * KB)

    def test_the_error_names_the_largest_fields_and_no_value(self):
        sizes = {"small": 7, "large": 300_000, "larger": 310_000, "it's": 9_000, "tiny": 1}
        record = replace(RECORD, fields={name: b"s" * size for name, size in sizes.items()})
        with pytest.raises(SessionTooLarge) as caught:
            item_of(record)
        assert caught.value.sizes == sizes
        told = str(caught.value)
        named = "'larger' (310,000 bytes), 'large' (300,000 bytes), \"it's\" (9,000 bytes)."
        assert named in told
        assert "409,600" in told
        assert "sss" not in told

    @settings(deadline=None)
    @given(st.lists(st.integers(0, MAX_ITEM_BYTES + 1), max_size=500))
    @example([MAX_ITEM_BYTES] * 11)
    @example([1] * 101)
    @example([encoding.TRANSACTION_BYTES + 1] * 2)
    @example([])
    def test_packs_are_no_more_than_a_transaction_takes(self, sizes):
        found = [{SIZE: encoding.number(size), "n": n} for n, size in enumerate(sizes)]
        packs = [*encoding.transaction_batches(found)]
        assert [item for pack in packs for item in pack] == found
        for pack in packs:
            assert 1 <= len(pack) <= 100
            total = sum(encoding.number_in(item, SIZE) for item in pack)
            assert len(pack) == 1 or total <= 4 * KB * KB
        assert len(packs) <= 1 + len(sizes) // 100 + sum(sizes) // (4 * KB * KB - MAX_ITEM_BYTES)


class TestKeys:
    @pytest.mark.parametrize("letter", ["\U0001f600", "\u4e2d", "=", "#", " ", "\n"])
    def test_the_longest_reference_of_any_script_fits(self, letter):
        entry = encoding.index_entry(ID, "n" * 50, letter * 255, 1)
        assert_legal(Request("PutItem", {"TableName": "sessions", "Item": entry}))

    def test_of_sessions_and_entries(self):
        session, entry = item_of(RECORD), encoding.index_entry(ID, "user", "42", 7)
        assert encoding.primary_key(session) == encoding.session_key(ID)
        assert encoding.primary_key(entry) == encoding.entry_key("user", "42", ID)
        assert encoding.id_of(session) == ID
        assert (encoding.is_session(session), encoding.is_session(entry)) == (True, False)


class TestWrongAnswers:
    def test_the_item_of_another_session(self):
        with pytest.raises(WrongAnswer) as caught:
            to_record(OTHER, item_of(RECORD))
        assert OTHER in str(caught.value)
        assert ID not in str(caught.value)

    def test_items_that_were_not_asked_for(self):
        asked = [item_of(RECORD)]
        assert encoding.check_ids(iter(asked), [OTHER, ID]) == asked
        assert encoding.check_ids([], [ID]) == []
        for ids in ([OTHER], []):
            with pytest.raises(WrongAnswer):
                encoding.check_ids(asked, ids)
