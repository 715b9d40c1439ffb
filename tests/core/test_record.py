from dataclasses import FrozenInstanceError, asdict, fields, replace
from datetime import datetime, timedelta, timezone

import pytest

from django_multisession.core.record import Change, Record

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
LATER = NOW + timedelta(hours=1)
RECORD = Record(
    fields={"a": b"1", "b": b"2"},
    created_at=NOW,
    last_seen_at=NOW,
    expires_at=NOW + timedelta(minutes=1),
    references={"user": "42", "org": "7"},
    ip="10.0.0.1",
    user_agent="Browser",
    label="Laptop",
)
CHANGE = Change(set={"a": b"secret"}, unset=["b"])
INSTANCES = [RECORD, CHANGE]


@pytest.mark.parametrize("instance", INSTANCES, ids=["Record", "Change"])
def test_no_attribute_can_be_set_or_deleted(instance):
    for name in [field.name for field in fields(instance)]:
        with pytest.raises(FrozenInstanceError):
            setattr(instance, name, None)
        with pytest.raises(FrozenInstanceError):
            delattr(instance, name)


@pytest.mark.parametrize("instance", INSTANCES, ids=["Record", "Change"])
def test_there_is_room_for_nothing_else(instance):
    assert not hasattr(instance, "__dict__")


def test_the_empty_defaults_cannot_be_changed():
    change, record = Change(), Record(created_at=NOW, last_seen_at=NOW, expires_at=NOW)
    for mapping in (change.set, change.references, record.fields, record.references):
        assert mapping == {}
        with pytest.raises(TypeError):
            mapping["a"] = b"1"
    assert change.unset == ()


def test_arguments_are_named():
    with pytest.raises(TypeError):
        Record(NOW, NOW, NOW)
    with pytest.raises(TypeError):
        Change({"a": b"1"})


@pytest.mark.parametrize(
    "instance",
    [Change(set={"token": b"secret"}), replace(RECORD, fields={"token": b"secret"})],
    ids=["Change", "Record"],
)
def test_repr_shows_no_field(instance):
    assert "secret" not in repr(instance)
    assert "token" not in repr(instance)


@pytest.mark.parametrize(
    ("now", "live"),
    [
        (NOW, True),
        (RECORD.expires_at - timedelta(microseconds=1), True),
        (RECORD.expires_at, False),
        (LATER, False),
    ],
)
def test_a_record_is_live_until_it_expires(now, live):
    assert RECORD.is_live(now) is live


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"set": {"a": b"9"}}, {"fields": {"a": b"9", "b": b"2"}}),
        ({"set": {"c": b"3"}}, {"fields": {"a": b"1", "b": b"2", "c": b"3"}}),
        ({"unset": ["a"]}, {"fields": {"b": b"2"}}),
        ({"unset": {"a", "b"}}, {"fields": {}}),
        ({"unset": ["absent"]}, {}),
        ({"set": {"a": b"9"}, "unset": ["b"]}, {"fields": {"a": b"9"}}),
        ({"expires_at": LATER}, {"expires_at": LATER}),
        ({"expires_at": NOW}, {"expires_at": NOW}),
        ({"last_seen_at": LATER}, {"last_seen_at": LATER}),
        ({"references": {"user": "43"}}, {"references": {"user": "43", "org": "7"}}),
        ({"references": {"team": "1"}}, {"references": {"user": "42", "org": "7", "team": "1"}}),
        ({"references": {"user": None}}, {"references": {"org": "7"}}),
        ({"references": {"absent": None}}, {}),
        ({"ip": "::1"}, {"ip": "::1"}),
        ({"user_agent": "Other"}, {"user_agent": "Other"}),
        ({"user_agent": ""}, {"user_agent": ""}),
        ({"label": "Phone"}, {"label": "Phone"}),
        ({"label": ""}, {"label": ""}),
        ({}, {}),
    ],
)
def test_a_change_changes_what_it_names_and_nothing_else(change, expected):
    before = asdict(RECORD)
    assert Change(**change).apply_to(RECORD) == replace(RECORD, **expected)
    assert asdict(RECORD) == before


def test_nothing_changes_the_time_of_creation():
    assert "created_at" not in {field.name for field in fields(Change)}


def test_a_change_has_an_attribute_for_everything_else_of_a_record():
    not_changed = {"created_at", "fields", "version"}
    changeable = {field.name for field in fields(Record)} - not_changed
    assert {field.name for field in fields(Change)} == changeable | {"set", "unset"}


def test_a_version_is_no_fact_and_does_not_outlive_a_change():
    stored = replace(RECORD, version="a1")
    assert stored == RECORD
    assert "a1" not in repr(stored)
    assert Change(label="Phone").apply_to(stored).version == ""


def test_a_listing_shows_no_fields():
    assert RECORD.without_fields() == replace(RECORD, fields={})


def test_two_changes_of_different_fields_both_win():
    first, second = Change(set={"a": b"8"}), Change(unset=["b"])
    assert first.apply_to(second.apply_to(RECORD)) == second.apply_to(first.apply_to(RECORD))


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({}, True),
        ({"expires_at": LATER, "last_seen_at": NOW, "ip": "::1", "user_agent": "x"}, True),
        ({"label": "Phone", "references": {"user": None}}, True),
        ({"set": {"a": b"1"}}, False),
        ({"unset": ["a"]}, False),
    ],
)
def test_touches_only(change, answer):
    assert Change(**change).touches_only is answer
