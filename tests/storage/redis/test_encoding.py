"""Tests of the conversion between records and Redis hashes."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_multisession.core.expiry import to_microseconds
from django_multisession.core.record import Change, Record
from django_multisession.storage.redis import encoding
from django_multisession.storage.redis.encoding import FACTS, to_record
from support.record_cases import BARE, EPOCH, NOW, RECORD, STORABLE

ID = "i" * 43
SECRET = b"\xffsecret"
FIRST = datetime(1970, 1, 1, 0, 0, 0, 1)
LAST = datetime.max.replace(tzinfo=timezone.utc)

TEXTS = st.text(STORABLE)
TIMES = st.datetimes(min_value=FIRST, timezones=st.just(timezone.utc))
RECORDS = st.builds(
    Record,
    fields=st.dictionaries(TEXTS, st.binary()),
    **dict.fromkeys(["created_at", "last_seen_at", "expires_at"], TIMES),
    references=st.dictionaries(TEXTS.filter(lambda name: "=" not in name), TEXTS),
    ip=st.none() | st.text(STORABLE, min_size=1),
    user_agent=TEXTS,
    label=TEXTS,
)


def as_dict(words):
    """Return the hash that the server stores for these words."""
    stored = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return dict(zip(stored[::2], stored[1::2], strict=True))


def answer(record, *asked, **facts):
    """Return the answer to HMGET."""
    hash = as_dict(encoding.from_record(record)) | {
        name.encode(): value for name, value in facts.items()
    }
    return [hash.get(name.encode()) for name in (*FACTS, *map(encoding.hash_field, asked))]


@settings(deadline=None)
@given(RECORDS)
@example(RECORD)
@example(BARE)
@example(replace(RECORD, fields={"": b"", ".": b"\0", "created": b"x", ".a": b"y", "nonce": b"z"}))
@example(replace(BARE, created_at=NOW.replace(microsecond=1), expires_at=LAST))
def test_a_record_comes_back_whole(record):
    again = to_record(ID, as_dict(encoding.from_record(record)))
    assert again == record
    assert again.expires_at.tzinfo is timezone.utc


@settings(deadline=None)
@given(RECORDS)
def test_a_hash_is_the_same_as_a_client_gives_it_and_as_the_server_does(record):
    hash = as_dict(encoding.from_record(record))
    flat = [word for pair in hash.items() for word in pair]
    assert to_record(ID, hash) == to_record(ID, flat) == record


@settings(deadline=None)
@given(RECORDS)
def test_the_facts_of_a_record_come_back_without_its_fields(record):
    assert encoding.facts_to_record(ID, answer(record)) == replace(record, fields={})


def test_a_record_of_the_very_first_moment_comes_back():
    record = Record(created_at=EPOCH, last_seen_at=EPOCH, expires_at=NOW)
    assert to_record(ID, as_dict(encoding.from_record(record))) == record


def test_what_else_is_in_the_hash_is_passed_over():
    hash = {
        **as_dict(encoding.from_record(RECORD)),
        b"nonce": b"n",
        b"bound": b"1",
        b"later": b"\xff",
    }
    assert to_record(ID, hash) == RECORD
    assert to_record(ID, {**hash, b".\xff": b"3"}).fields == {**RECORD.fields, "\ufffd": b"3"}


def test_a_moment_is_the_microseconds_since_1970_in_any_time_zone():
    assert to_microseconds(EPOCH) == 0
    assert to_microseconds(EPOCH + timedelta(days=1, microseconds=1)) == 86_400_000_001
    assert to_microseconds(LAST) == 253_402_300_799_999_999
    assert to_microseconds(
        NOW.astimezone(timezone(timedelta(hours=5, minutes=45)))
    ) == to_microseconds(NOW)


@pytest.mark.parametrize("ip", [None, ""])
def test_a_fact_that_is_empty_is_left_out_but_not_a_field(ip):
    words = encoding.from_record(replace(BARE, ip=ip, fields={"": b""}))
    assert as_dict(words).keys() == {b"created", b"seen", b"expires", b"."}


def test_only_the_fields_that_were_asked_for_and_are_there_are_given():
    record = encoding.facts_to_record(ID, answer(RECORD, "b", "absent"), ["b", "absent"])
    assert record == replace(RECORD, fields={"b": b"2"})
    assert encoding.facts_to_record(ID, answer(RECORD, "absent"), ["absent"]) == replace(
        RECORD, fields={}
    )


def test_no_hash_is_no_record_and_nothing_to_log(caplog):
    assert to_record(ID, {}) is None
    assert to_record(ID, []) is None
    assert encoding.facts_to_record(ID, [None] * len(FACTS)) is None
    assert encoding.facts_to_record(ID, [None] * (len(FACTS) + 2), ["a", "b"]) is None
    assert not caplog.records


CORRUPT = [
    *((time, value) for time in FACTS[:3] for value in (None, b"", b"x", b"1.5", b"1e3", SECRET)),
    *((time, digits) for time in FACTS[:3] for digits in (b"9" * 18, b"9" * 30, b"9" * 5000)),
    *((text, SECRET) for text in FACTS[3:]),
]


@pytest.mark.parametrize(("name", "value"), CORRUPT)
@pytest.mark.parametrize("whole", [True, False], ids=["hash", "answer"])
def test_what_another_hand_wrote_is_no_record_and_a_line_in_the_log(caplog, whole, name, value):
    values = answer(replace(RECORD, label="secret"), **{name: value})
    hash = {fact.encode(): stored for fact, stored in zip(FACTS, values, strict=True) if stored}
    assert (to_record(ID, hash) if whole else encoding.facts_to_record(ID, values)) is None
    (line,) = caplog.records
    assert (line.name, line.levelname) == ("django.security.SuspiciousSession", "WARNING")
    assert ID in line.getMessage()
    assert not [text for text in ("secret", "10.0.0.1", "99") if text in line.getMessage()]


def test_fields_without_facts_are_no_record_and_a_line_in_the_log(caplog):
    assert to_record(ID, {b".a": b"1"}) is None
    assert encoding.facts_to_record(ID, [None] * len(FACTS) + [b"1"], ["a"]) is None
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(), []),
        (Change(last_seen_at=NOW), ["seen", to_microseconds(NOW)]),
        (Change(expires_at=EPOCH), ["expires", 0]),
        (Change(ip="::1"), ["ip", "::1"]),
        (Change(user_agent=""), ["agent", ""]),
        (Change(label=""), ["label", ""]),
        (Change(set={"a": b"1", "": b""}), [".a", b"1", ".", b""]),
        (Change(unset=["a"], references={"user": "1", "org": None}), []),
    ],
)
def test_a_change_holds_only_what_changed(change, words):
    assert encoding.from_change(change) == words


@settings(deadline=None, max_examples=50)
@given(RECORDS, RECORDS)
def test_writing_a_change_over_a_record_applies_it(record, new):
    names = ("last_seen_at", "expires_at", "ip", "user_agent", "label")
    change = Change(set=new.fields, **{name: getattr(new, name) for name in names})
    hash = as_dict(encoding.from_record(record)) | as_dict(encoding.from_change(change))
    assert to_record(ID, hash) == change.apply_to(record)


def test_ended_are_those_whose_facts_the_server_gave(caplog):
    answers = [answer(RECORD), 0, 1, answer(BARE, created=b"x"), answer(BARE)]
    ended = encoding.ended_entries(["a", "b", "c", "d", "e"], answers)
    assert ended == [("a", replace(RECORD, fields={})), ("e", BARE)]
    assert encoding.ended_entries([], []) == []
    assert len(caplog.records) == 1


def test_live_are_those_that_are_there_and_not_over(caplog):
    expired = replace(BARE, expires_at=NOW)
    live = replace(BARE, expires_at=NOW + timedelta(microseconds=1))
    answers = [answer(expired), answer(live), [None] * len(FACTS), answer(live, seen=b"x")]
    assert encoding.live_entries(["a", "b", "c", "d"], answers, NOW) == [("b", live)]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("given_answer", "expected"),
    [
        ((0, []), (0, [])),
        ([b"0", []], (0, [])),
        ((7, [(b"a", 1.0), (b"b", 2.0)]), (7, ["a", "b"])),
        ([b"18446744073709551615", [b"a", b"1", b"b", b"2"]], (2**64 - 1, ["a", "b"])),
    ],
)
def test_scanned_takes_what_the_client_gives_and_what_the_server_does(given_answer, expected):
    assert encoding.parse_scan(given_answer) == expected
