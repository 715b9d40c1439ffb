"""Tests of the names of keys."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from django_multisession.core.keys import hash_key, new_key
from django_multisession.storage.redis.keys import (
    TAGS,
    KeyBuilder,
    parse_references,
    reference_text,
    references_text,
    tag_of,
)
from support.record_cases import STORABLE

KEYS = KeyBuilder("multisession")
ID = hash_key("a" * 32)
PREFIXES = [
    "multisession",
    "",
    "my app:eu",
    "caf\u00e9",
    "{app}",
    "{a}{b}",
    "a{b",
    "a}b",
    "{",
]
URL_SAFE = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

IDS = st.text(URL_SAFE, min_size=43, max_size=43)
TEXTS = st.text(STORABLE)
REFERENCE_NAMES = st.text("abcz09_", min_size=1, max_size=5).filter(lambda name: name[0].isalpha())


def slot(key):
    return key_slot(key.encode())


def test_a_session_is_called_by_its_id_with_the_first_two_characters_as_hash_tag():
    assert KEYS.session("ab" + "c" * 41) == "multisession:{ab}:" + "c" * 41


def test_a_bucket_is_called_by_its_tag():
    assert KEYS.bucket("ab") == "multisession:{ab}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", "42"),
        ("user", "{42}"),
        ("user", "}{"),
        ("user", "a=b=c"),
        ("user", "two words"),
        ("user", "\u00e9\U0001f36a"),
        ("user", "*?[a]\r\n"),
    ],
)
def test_a_reference_is_called_by_its_name_and_its_value_as_they_are(name, value):
    assert KEYS.reference(reference_text(name, value)) == f"multisession:{name}={value}"


@given(IDS)
@example("-" * 43)
@example("z" * 43)
def test_the_tag_of_an_id_is_its_first_two_characters(id):
    assert tag_of(id) == id[:2]
    assert tag_of(id) in TAGS


@pytest.mark.parametrize("prefix", PREFIXES)
@given(id=IDS)
def test_a_session_and_its_bucket_are_in_one_slot(prefix, id):
    builder = KeyBuilder(prefix)
    assert slot(builder.session(id)) == slot(builder.bucket(tag_of(id)))


def test_the_slot_is_that_of_the_tag_alone():
    assert slot(KEYS.session(ID)) == slot(ID[:2])


@given(IDS, IDS)
def test_sessions_of_different_ids_have_different_keys(one, other):
    assert (KEYS.session(one) == KEYS.session(other)) is (one == other)


@given(IDS, REFERENCE_NAMES, TEXTS)
def test_no_reference_is_called_like_a_session_or_a_bucket(id, name, value):
    key = KEYS.reference(reference_text(name, value))
    assert key not in {KEYS.session(id), KEYS.bucket(tag_of(id))}
    assert not key.startswith("multisession:{")


@given(REFERENCE_NAMES, TEXTS, REFERENCE_NAMES, TEXTS)
@example("a", "b=c", "a", "b")
def test_different_references_have_different_keys(name, value, other_name, other_value):
    same = (name, value) == (other_name, other_value)
    assert (reference_text(name, value) == reference_text(other_name, other_value)) is same


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_key_begins_with_the_prefix(prefix):
    builder = KeyBuilder(prefix)
    keys = [builder.session(ID), builder.bucket("ab"), builder.reference("user=42")]
    assert all(key.startswith(f"{prefix}:") for key in keys)
    assert all(key.startswith(builder.root) for key in keys)


def test_the_tags_are_all_that_two_characters_of_url_safe_base64_can_be():
    assert set(TAGS) == {first + second for first in URL_SAFE for second in URL_SAFE}
    assert len(TAGS) == 4096


def test_the_tags_are_sorted_as_redis_and_python_sort_ids():
    assert all(one < other for one, other in pairwise(TAGS))
    assert all(one.encode() < other.encode() for one, other in pairwise(TAGS))


def test_new_ids_have_tags():
    assert {tag_of(hash_key(new_key())) for _ in range(1000)} <= set(TAGS)


@pytest.mark.parametrize(("nodes", "deviation"), [(3, 0.02), (6, 0.04), (10, 0.08), (30, 0.13)])
def test_the_buckets_are_spread_evenly_over_a_cluster(nodes, deviation):
    slots = [slot(KEYS.bucket(tag)) for tag in TAGS]
    counts = Counter(number * nodes // REDIS_CLUSTER_HASH_SLOTS for number in slots)
    even = len(TAGS) / nodes
    assert len(counts) == nodes
    assert all(abs(count - even) / even < deviation for count in counts.values())


@pytest.mark.parametrize(
    ("references", "text"),
    [
        ({}, ""),
        ({"user": "42"}, "user=42"),
        ({"user": "42", "org": "7"}, "user=42\0org=7"),
        ({"user": "a=b"}, "user=a=b"),
        ({"user": ""}, "user="),
    ],
)
def test_references_as_text(references, text):
    assert references_text(references) == text
    assert parse_references(text) == references


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"user": None}, "user"),
        ({"user": None, "org": "7"}, "user\0org=7"),
        ({"org": "7", "user": None}, "org=7\0user"),
    ],
)
def test_a_reference_that_goes_is_its_name_alone(changes, text):
    assert references_text(changes) == text


@settings(deadline=None)
@given(st.dictionaries(TEXTS.filter(lambda name: "=" not in name), TEXTS))
@example({"": ""})
@example({"user": "{=}", "org": "\u00e9 \U0001f36a"})
def test_pairs_is_the_inverse_of_items(references):
    assert parse_references(references_text(references)) == references
    assert list(parse_references(references_text(references))) == list(references)


@given(st.dictionaries(REFERENCE_NAMES, TEXTS, min_size=1))
def test_each_part_is_what_the_index_is_called(references):
    assert references_text(references).split("\0") == [
        reference_text(*item) for item in references.items()
    ]
