from dataclasses import replace
from datetime import datetime, timedelta, timezone
from hashlib import sha1
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot

from django_multisession.core.expiry import to_microseconds
from django_multisession.core.record import Change, Record
from django_multisession.storage.redis import commands
from django_multisession.storage.redis.commands import Command, CommandBuilder
from django_multisession.storage.redis.keys import KeyBuilder, tag_of

NOW, MINUTE = datetime(2026, 1, 1, tzinfo=timezone.utc), timedelta(minutes=1)
A, B, C = ("ab" + letter * 41 for letter in "abc")
FAR = "zz" + "z" * 41
NAMES = KeyBuilder("test")
SPREAD, ALONE = CommandBuilder(NAMES, spread=True), CommandBuilder(NAMES, spread=False)
RECORD = Record(
    created_at=NOW,
    last_seen_at=NOW,
    expires_at=NOW + timedelta(days=1),
    fields={"a": b"1", "\u00e9": b"", "{c}": b"2"},
    references={"user": "{42}", "org": "7"},
    ip="::1",
    user_agent="Browser",
    label="Laptop",
)
CHANGE = Change(
    set=RECORD.fields,
    unset={"x", "y"},
    expires_at=NOW,
    last_seen_at=NOW,
    references={"user": "43", "org": None},
    ip="::2",
    user_agent="",
    label="Phone",
)
SCRIPTS = [value for value in vars(commands).values() if isinstance(value, commands.Script)]
IDS = st.lists(st.text("abz", min_size=43, max_size=43), unique=True, max_size=30).map(sorted)


def every_call(subject):
    """Of every kind, with ids of one bucket."""
    found = [(A, RECORD), (B, replace(RECORD, references={"user": "{42}"}))]
    made = {
        "read": subject.read(A),
        "facts": [subject.facts(A), subject.facts(A, ["a", "{b}"]), subject.facts(A, {"c"})],
        "insert": subject.insert(A, RECORD, NOW),
        "update": [
            subject.update(A, CHANGE, NOW),
            subject.update(A, Change(), NOW),
            subject.update(A, CHANGE, NOW, indexed=b"user=43\0org=7"),
            subject.update(A, CHANGE, NOW, new=B),
        ],
        "end": [
            *subject.end([A, B, C], NOW),
            *subject.end([A], NOW, "user={42}"),
        ],
        "end_unchanged": subject.end_unchanged(A, NOW, b"n", B),
        "enter": [
            *subject.enter(["user={42}", "org=7"], A, 7, NOW),
            *subject.enter(["user={42}"], A, b"7", NOW),
        ],
        "leave": subject.leave(found),
        "drop": subject.drop("user={42}", [A, B], NOW),
        "scan": subject.scan("user={42}", 7),
        "live": subject.live("ab", NOW),
        "count": [subject.count("ab", NOW, over) for over in (False, True)],
        "over": [subject.over("ab", NOW, 7), subject.over("ab", None, 7)],
        "purge": subject.purge([A, B, C], NOW),
        "acquire_lease": subject.acquire_lease(A, "{owner} of it", NOW + MINUTE, NOW),
        "active_leases": subject.active_leases(A),
    }
    return {name: [each] if isinstance(each, Command) else each for name, each in made.items()}


KINDS = sorted(every_call(SPREAD))


def keys_of(call):
    """The keys that a call declares."""
    if call.source:
        return list(call.words[3 : 3 + call.words[2]])
    return [call.words[1]]


def ids_of(call):
    """The ids that follow the keys and the other arguments of `end` and `purge`."""
    return [word for word in call.words[3 + call.words[2] :] if len(str(word)) == len(A)]


def slots(keys):
    return {key_slot(key.encode()) for key in keys}


def test_every_kind_of_call_is_tested():
    assert {name for name in vars(CommandBuilder) if not name.startswith("_")} == set(KINDS)
    assert all(every_call(SPREAD).values())
    sources = {call.source for made in every_call(SPREAD).values() for call in made if call.source}
    assert sources == {script.source for script in SCRIPTS}
    assert len(sources) == len(SCRIPTS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_keys_of_a_call_are_in_one_slot_of_a_cluster(kind):
    for call in every_call(SPREAD)[kind]:
        assert len(slots(keys_of(call))) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("subject", [SPREAD, ALONE], ids=["spread", "alone"])
def test_a_call_is_made_of_words_that_a_client_can_send_and_goes_by_a_key_among_them(subject, kind):
    for call in every_call(subject)[kind]:
        assert {type(word) for word in call.words} <= {str, bytes, int, float}
        assert call.key in keys_of(call)


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_is_called_by_its_sha_and_sent_whole_where_the_server_does_not_know_it(kind):
    for call in every_call(SPREAD)[kind]:
        if not call.source:
            assert call.words[0] not in {"EVAL", "EVALSHA"}
            continue
        assert call.words[:2] == ("EVALSHA", sha1(call.source.encode()).hexdigest())
        whole = call.with_source()
        assert whole.words == ("EVAL", call.source, *call.words[2:])
        assert whole.key == call.key


@settings(deadline=None)
@given(IDS)
def test_sessions_are_ended_a_bucket_at_a_time_only_where_buckets_are_spread(ids):
    assert [ids_of(call) for call in ALONE.end(ids, NOW)] == ([ids] if ids else [])
    made = SPREAD.end(ids, NOW)
    assert [ids_of(call) for call in made] == [list(group) for _, group in groupby(ids, tag_of)]
    for call in made:
        keys = [(NAMES.session(id), NAMES.bucket(tag_of(id))) for id in ids_of(call)]
        assert keys_of(call) == [key for pair in keys for key in pair]
        assert len(slots(keys_of(call))) == 1


@settings(deadline=None)
@given(IDS)
@pytest.mark.parametrize("subject", [SPREAD, ALONE], ids=["spread", "alone"])
def test_a_purge_goes_a_bucket_at_a_time(subject, ids):
    made = subject.purge(ids, NOW)
    assert [ids_of(call) for call in made] == [list(group) for _, group in groupby(ids, tag_of)]
    for call in made:
        bucket, *sessions = keys_of(call)
        assert sessions == [NAMES.session(id) for id in ids_of(call)]
        assert bucket == NAMES.bucket(tag_of(ids_of(call)[0]))


def test_the_client_keeps_the_index_only_where_it_is_spread():
    assert ALONE.enter(["user=42"], A, 7, NOW) == ALONE.leave([(A, RECORD)]) == []
    assert len(SPREAD.enter(["user=42", "org=7"], A, 7, NOW)) == 2
    assert len(SPREAD.leave([(A, RECORD)])) == 2


@pytest.mark.parametrize("kind", ["insert", "update", "end", "purge", "enter", "drop"])
def test_a_script_is_told_where_the_index_is_only_where_it_keeps_it(kind):
    assert all(NAMES.root not in call.words for call in every_call(SPREAD)[kind])
    assert all(NAMES.root in call.words for call in every_call(ALONE)[kind])


def test_ids_leave_the_index_by_reference():
    found = [(A, RECORD), (FAR, replace(RECORD, references={"user": "{42}"})), (B, RECORD)]
    words = [call.words for call in SPREAD.leave(found)]
    assert words == [("ZREM", "test:user={42}", A, FAR, B), ("ZREM", "test:org=7", A, B)]


@pytest.mark.parametrize("subject", [SPREAD, ALONE], ids=["spread", "alone"])
def test_nothing_is_sent_for_nobody(subject):
    nothing = [subject.end([], NOW), subject.purge([], NOW), subject.drop("user=42", [], NOW)]
    assert [*nothing, subject.enter([], A, 7, NOW), subject.leave([])] == [[]] * 5


def test_what_has_ended_and_what_is_live_have_nothing_in_common():
    key, now = NAMES.bucket("ab"), to_microseconds(NOW)
    assert ALONE.live("ab", NOW).words == ("ZRANGEBYSCORE", key, f"({now}", "+inf")
    assert ALONE.count("ab", NOW, False).words == ("ZCOUNT", key, f"({now}", "+inf")
    assert ALONE.count("ab", NOW, True).words == ("ZCOUNT", key, "-inf", now)
    ended, all = ALONE.over("ab", NOW, 7).words, ALONE.over("ab", None, 7).words
    assert ended == ("ZRANGEBYSCORE", key, "-inf", now, "LIMIT", 0, 7)
    assert all == ("ZRANGEBYSCORE", key, "-inf", "+inf", "LIMIT", 0, 7)


def test_a_lease_has_a_key_that_no_session_and_no_reference_has():
    """Whatever its name: a reference has a "=", and what is of a session begins with a brace."""
    (key,) = keys_of(ALONE.acquire_lease(A, "owner", NOW, NOW))
    assert key == keys_of(ALONE.active_leases(A))[0] == f"test:lease:{A}"
    assert "=" not in key
    assert "{" not in key


def test_two_attempts_to_insert_can_be_told_apart():
    assert ALONE.insert(A, RECORD, NOW).words != ALONE.insert(A, RECORD, NOW).words


def test_a_move_declares_the_keys_of_both_ids():
    keys = {key for id in (A, FAR) for key in (NAMES.session(id), NAMES.bucket(tag_of(id)))}
    assert set(keys_of(ALONE.update(A, CHANGE, NOW, new=FAR))) == keys
