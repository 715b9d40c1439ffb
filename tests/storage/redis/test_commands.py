"""Tests of the commands and the keys that they declare."""

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

pytestmark = pytest.mark.quick

NOW, MINUTE = datetime(2026, 1, 1, tzinfo=timezone.utc), timedelta(minutes=1)
A, B, C = ("ab" + letter * 41 for letter in "abc")
FAR = "zz" + "z" * 41
KEYS = KeyBuilder("test")
CLUSTER, SINGLE = CommandBuilder(KEYS, is_cluster=True), CommandBuilder(KEYS, is_cluster=False)
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


def every_command(subject):
    """Return every kind of command, with ids of one bucket."""
    entries = [(A, RECORD), (B, replace(RECORD, references={"user": "{42}"}))]
    commands = {
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
        "add_to_index": [
            *subject.add_to_index(["user={42}", "org=7"], A, 7, NOW),
            *subject.add_to_index(["user={42}"], A, b"7", NOW),
        ],
        "remove_from_index": subject.remove_from_index(entries),
        "drop_stale": subject.drop_stale("user={42}", [A, B], NOW),
        "scan": subject.scan("user={42}", 7),
        "live": subject.live("ab", NOW),
        "count": [subject.count("ab", NOW, expired_only) for expired_only in (False, True)],
        "expired": [subject.expired("ab", NOW, 7), subject.expired("ab", None, 7)],
        "purge": subject.purge([A, B, C], NOW),
        "acquire_lease": subject.acquire_lease(A, "{owner} of it", NOW + MINUTE, NOW),
        "read_lease": subject.read_lease(A),
    }
    return {name: [made] if isinstance(made, Command) else made for name, made in commands.items()}


KINDS = sorted(every_command(CLUSTER))


def keys_of(command):
    """Return the keys that a command declares."""
    if command.source:
        return list(command.words[3 : 3 + command.words[2]])
    return [command.words[1]]


def ids_of(command):
    """Return the ids that follow the keys and the other arguments of `end` and `purge`."""
    return [word for word in command.words[3 + command.words[2] :] if len(str(word)) == len(A)]


def by_bucket(ids):
    return [list(group) for _, group in groupby(ids, tag_of)]


def slots(keys):
    return {key_slot(key.encode()) for key in keys}


def test_every_kind_of_command_is_tested():
    assert {name for name in vars(CommandBuilder) if not name.startswith("_")} == set(KINDS)
    assert all(every_command(CLUSTER).values())
    sources = {
        command.source
        for made in every_command(CLUSTER).values()
        for command in made
        if command.source
    }
    assert sources == {script.source for script in SCRIPTS}
    assert len(sources) == len(SCRIPTS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_keys_of_a_call_are_in_one_slot_of_a_cluster(kind):
    for command in every_command(CLUSTER)[kind]:
        assert len(slots(keys_of(command))) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("subject", [CLUSTER, SINGLE], ids=["cluster", "single"])
def test_a_call_is_made_of_words_that_a_client_can_send_and_goes_by_a_key_among_them(subject, kind):
    for command in every_command(subject)[kind]:
        assert {type(word) for word in command.words} <= {str, bytes, int, float}
        assert command.key in keys_of(command)


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_is_called_by_its_sha_and_sent_whole_where_the_server_does_not_know_it(kind):
    for command in every_command(CLUSTER)[kind]:
        if not command.source:
            assert command.words[0] not in {"EVAL", "EVALSHA"}
            continue
        assert command.words[:2] == ("EVALSHA", sha1(command.source.encode()).hexdigest())
        whole = command.with_source()
        assert whole.words == ("EVAL", command.source, *command.words[2:])
        assert whole.key == command.key


@settings(deadline=None)
@given(IDS)
def test_sessions_are_ended_a_bucket_at_a_time_only_where_buckets_are_spread(ids):
    assert [ids_of(command) for command in SINGLE.end(ids, NOW)] == ([ids] if ids else [])
    made = CLUSTER.end(ids, NOW)
    assert [ids_of(command) for command in made] == by_bucket(ids)
    for command in made:
        keys = [(KEYS.session(id), KEYS.bucket(tag_of(id))) for id in ids_of(command)]
        assert keys_of(command) == [key for pair in keys for key in pair]
        assert len(slots(keys_of(command))) == 1


@settings(deadline=None)
@given(IDS)
@pytest.mark.parametrize("subject", [CLUSTER, SINGLE], ids=["cluster", "single"])
def test_a_purge_goes_a_bucket_at_a_time(subject, ids):
    made = subject.purge(ids, NOW)
    assert [ids_of(command) for command in made] == by_bucket(ids)
    for command in made:
        bucket, *sessions = keys_of(command)
        assert sessions == [KEYS.session(id) for id in ids_of(command)]
        assert bucket == KEYS.bucket(tag_of(ids_of(command)[0]))


def test_the_client_keeps_the_index_only_where_it_is_spread():
    assert (
        SINGLE.add_to_index(["user=42"], A, 7, NOW) == SINGLE.remove_from_index([(A, RECORD)]) == []
    )
    assert len(CLUSTER.add_to_index(["user=42", "org=7"], A, 7, NOW)) == 2
    assert len(CLUSTER.remove_from_index([(A, RECORD)])) == 2


@pytest.mark.parametrize("kind", ["insert", "update", "end", "purge", "add_to_index", "drop_stale"])
def test_a_script_is_told_where_the_index_is_only_where_it_keeps_it(kind):
    assert all(KEYS.root not in command.words for command in every_command(CLUSTER)[kind])
    assert all(KEYS.root in command.words for command in every_command(SINGLE)[kind])


def test_ids_leave_the_index_by_reference():
    entries = [(A, RECORD), (FAR, replace(RECORD, references={"user": "{42}"})), (B, RECORD)]
    words = [command.words for command in CLUSTER.remove_from_index(entries)]
    assert words == [("ZREM", "test:user={42}", A, FAR, B), ("ZREM", "test:org=7", A, B)]


@pytest.mark.parametrize("subject", [CLUSTER, SINGLE], ids=["cluster", "single"])
def test_nothing_is_sent_for_nobody(subject):
    nothing = [subject.end([], NOW), subject.purge([], NOW), subject.drop_stale("user=42", [], NOW)]
    assert [*nothing, subject.add_to_index([], A, 7, NOW), subject.remove_from_index([])] == [
        []
    ] * 5


def test_what_has_ended_and_what_is_live_have_nothing_in_common():
    key, now = KEYS.bucket("ab"), to_microseconds(NOW)
    assert SINGLE.live("ab", NOW).words == ("ZRANGEBYSCORE", key, f"({now}", "+inf")
    assert SINGLE.count("ab", NOW, False).words == ("ZCOUNT", key, f"({now}", "+inf")
    assert SINGLE.count("ab", NOW, True).words == ("ZCOUNT", key, "-inf", now)
    ended, all = SINGLE.expired("ab", NOW, 7).words, SINGLE.expired("ab", None, 7).words
    assert ended == ("ZRANGEBYSCORE", key, "-inf", now, "LIMIT", 0, 7)
    assert all == ("ZRANGEBYSCORE", key, "-inf", "+inf", "LIMIT", 0, 7)


def test_a_lease_has_a_key_that_no_session_and_no_reference_has():
    """A reference has a "=", and the rest of a session's key begins with a brace."""
    (key,) = keys_of(SINGLE.acquire_lease(A, "owner", NOW, NOW))
    assert key == keys_of(SINGLE.read_lease(A))[0] == f"test:lease:{A}"
    assert "=" not in key
    assert "{" not in key


def test_two_attempts_to_insert_can_be_told_apart():
    assert SINGLE.insert(A, RECORD, NOW).words != SINGLE.insert(A, RECORD, NOW).words


def test_a_move_declares_the_keys_of_both_ids():
    keys = {key for id in (A, FAR) for key in (KEYS.session(id), KEYS.bucket(tag_of(id)))}
    assert set(keys_of(SINGLE.update(A, CHANGE, NOW, new=FAR))) == keys
