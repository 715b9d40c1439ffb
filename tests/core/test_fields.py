import json
import logging
from collections import Counter
from copy import deepcopy
from datetime import datetime, timezone

import pytest
from django.contrib.sessions.serializers import JSONSerializer
from django.utils.safestring import SafeString
from hypothesis import given, settings
from hypothesis import strategies as st

from django_multisession.core.codec import encode
from django_multisession.core.fields import Fields
from django_multisession.core.record import Change, Record

HANDLE = "h" * 43
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
CORRUPT = {"bad": b"{secret", "good": b'"fine"'}


class Counting:
    """A JSON serializer that counts its calls."""

    def __init__(self):
        self.calls = Counter()

    def dumps(self, obj):
        self.calls["dumps"] += 1
        return JSONSerializer().dumps(obj)

    def loads(self, data):
        self.calls["loads"] += 1
        return JSONSerializer().loads(data)


@pytest.fixture
def counting():
    return Counting()


def encoded(values):
    return {name: encode(value, JSONSerializer()) for name, value in values.items()}


def fields_of(values):
    return Fields(JSONSerializer, encoded(values), HANDLE)


def stored_after(fields, stored):
    """Return the fields that a storage holds after a save has sent the changes."""
    set_, unset = fields.delta()
    record = Record(fields=stored, created_at=NOW, last_seen_at=NOW, expires_at=NOW)
    return Change(set=set_, unset=unset).apply_to(record).fields


@pytest.fixture
def hundred(counting):
    return Fields(lambda: counting, encoded({f"field{i}": i for i in range(100)}))


# Decoding


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields["field7"],
        lambda fields: fields.get("field7"),
        lambda fields: "field7" in fields,
        lambda fields: fields.setdefault("field7", 0),
        lambda fields: fields.pop("field7"),
        lambda fields: next(iter(fields)),
    ],
    ids=["[]", "get", "in", "setdefault", "pop", "next"],
)
def test_reading_one_field_decodes_one(hundred, counting, read):
    read(hundred)
    assert counting.calls == {"loads": 1}


@pytest.mark.parametrize(
    "use",
    [
        bool,
        repr,
        Fields.clear,
        Fields.encoded,
        Fields.delta,
        lambda fields: fields.update({"field1": 2}),
        lambda fields: fields.get("unknown"),
    ],
)
def test_what_reads_no_field_decodes_none(hundred, counting, use):
    use(hundred)
    assert not counting.calls


def test_a_field_is_decoded_once(hundred, counting):
    assert hundred["field7"] is hundred["field7"]
    assert dict(hundred) == dict(hundred) == {f"field{i}": i for i in range(100)}
    assert counting.calls["loads"] == 100


def test_fields_can_be_read_while_iterating(hundred):
    assert [hundred[name] for name in hundred] == list(range(100))


def test_fields_can_be_removed_and_added_while_iterating(hundred):
    for name in hundred:
        hundred["new" + name] = hundred.pop(name)
    assert list(hundred)[:2] == ["newfield0", "newfield1"]
    assert len(hundred) == 100


def test_a_value_is_the_same_object_on_every_access():
    fields = fields_of({"list": [1]})
    fields["list"].append(2)
    assert fields["list"] == [1, 2]


def test_order_is_the_stored_one_then_that_of_insertion():
    fields = fields_of({"b": 1, "a": 2})
    fields["c"] = 3
    fields["b"] = 4
    assert list(fields.items()) == [("b", 4), ("a", 2), ("c", 3)]


@pytest.mark.parametrize("access", [Fields.__getitem__, Fields.__delitem__, Fields.pop])
def test_an_absent_field_is_a_key_error(access):
    with pytest.raises(KeyError, match="'absent'"):
        access(fields_of({"a": 1}), "absent")


def test_equality_with_a_dict():
    values = {"a": 1, "b": [None, "x"]}
    assert fields_of(values) == values
    assert values == fields_of(values)
    assert fields_of(values) == fields_of(values)
    assert fields_of(values) != {"a": 1}
    assert fields_of({}) == {}


@pytest.mark.parametrize("read", [False, True], ids=["encoded", "decoded"])
def test_repr_shows_no_data(read):
    fields = fields_of({"token": "hunter2"})
    if read:
        assert fields["token"] == "hunter2"
    assert repr(fields) == "<Fields: 1 fields>"
    assert str(fields) == repr(fields)


# What changed


def test_nothing_changed():
    assert fields_of({"a": 1}).delta() == ({}, set())


def test_an_untouched_field_costs_no_encoding(hundred, counting):
    hundred["field7"] = "new"
    assert hundred.delta() == ({"field7": b'"new"'}, set())
    assert counting.calls == {"dumps": 1}


@pytest.mark.parametrize(
    ("change", "set_", "unset"),
    [
        (lambda f: f.update(new=1), {"new": b"1"}, set()),
        (lambda f: f.update(number=2), {"number": b"2"}, set()),
        (lambda f: f.update(number=None), {"number": b"null"}, set()),
        (lambda f: f.pop("number"), {}, {"number"}),
        (lambda f: f.clear(), {}, {"number", "list", "deep"}),
        (lambda f: f["list"].append(2), {"list": b"[1,2]"}, set()),
        (lambda f: f["deep"]["a"].update(b=2), {"deep": b'{"a":{"b":2}}'}, set()),
        (lambda f: (f.pop("number"), f.update(number=2)), {"number": b"2"}, set()),
        (lambda f: (f.clear(), f.update(list=[1])), {}, {"number", "deep"}),
        (lambda f: (f.update(new=1), f.pop("number")), {"new": b"1"}, {"number"}),
    ],
    ids=[
        "set new",
        "overwrite",
        "set to None",
        "unset",
        "clear",
        "append in place",
        "nested in place",
        "delete and add another",
        "clear and add the same",
        "set and unset",
    ],
)
def test_delta(change, set_, unset):
    fields = fields_of({"number": 1, "list": [1], "deep": {"a": {}}})
    change(fields)
    assert fields.delta() == (set_, unset)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["list"],
        dict,
        lambda f: f.update(list=[1]),
        lambda f: (f.update(list=[2]), f.update(list=[1])),
        lambda f: (f["list"].append(2), f["list"].pop()),
        lambda f: f.update(list=f.pop("list")),
        lambda f: (f.update(new=1), f.pop("new")),
        lambda f: f.setdefault("list", []),
        lambda f: f.pop("absent", None),
    ],
    ids=[
        "read",
        "read all",
        "set the same",
        "set back",
        "change back in place",
        "delete and add again",
        "add and delete",
        "setdefault",
        "pop the absent",
    ],
)
def test_what_ends_as_it_began_is_no_change(change):
    fields = fields_of({"list": [1], "other": 1})
    change(fields)
    assert fields.delta() == ({}, set())


def test_encoded_gives_all_fields():
    fields = fields_of({"a": 1, "b": 2})
    fields["c"] = fields.pop("a")
    assert fields.encoded() == {"b": b"2", "c": b"1"}


def test_a_value_that_cannot_be_serialized_raises():
    fields = fields_of({})
    fields["a"] = object()
    with pytest.raises(TypeError):
        fields.delta()


def test_after_a_save_only_later_changes_count():
    fields = fields_of({"a": 1, "b": 2, "c": [1]})
    fields["a"] = 3
    del fields["b"]
    fields.rebase(stored_after(fields, encoded({"a": 1, "b": 2, "c": [1]})))
    assert fields.delta() == ({}, set())

    fields["c"].append(2)
    assert fields.delta() == ({"c": b"[1,2]"}, set())


# Corrupt fields


def corrupt():
    return Fields(JSONSerializer, CORRUPT, HANDLE)


@pytest.mark.parametrize(
    "access", [lambda f: f["bad"], lambda f: f.pop("bad"), lambda f: f.__delitem__("bad")]
)
def test_a_corrupt_field_is_a_key_error(access):
    with pytest.raises(KeyError, match="'bad'"):
        access(corrupt())


@pytest.mark.parametrize(
    ("access", "answer"),
    [
        (lambda f: f.get("bad"), None),
        (lambda f: f.get("bad", 1), 1),
        (lambda f: f.pop("bad", 1), 1),
        (lambda f: "bad" in f, False),
        (lambda f: "bad" in f.keys(), False),  # noqa: SIM118 - another access
        (list, ["good"]),
        (len, 1),
        (lambda f: list(f.keys()), ["good"]),
        (lambda f: list(f.values()), ["fine"]),
        (lambda f: list(f.items()), [("good", "fine")]),
        (dict, {"good": "fine"}),
        (lambda f: f == {"good": "fine"}, True),
        (lambda f: dict.fromkeys([*f]), {"good": None}),
    ],
)
def test_a_corrupt_field_reads_as_absent_and_is_left_alone(access, answer):
    fields = corrupt()
    assert access(fields) == answer
    assert access(fields) == answer
    assert fields.delta() == ({}, set())
    assert fields.encoded() == CORRUPT


def test_a_corrupt_field_survives_the_change_of_another():
    fields = corrupt()
    fields.get("bad")
    fields["good"] = "new"
    assert stored_after(fields, CORRUPT) == {"bad": b"{secret", "good": b'"new"'}


@pytest.mark.parametrize(
    "overwrite",
    [
        lambda f: f.update(bad=1),
        lambda f: (f.get("bad"), f.update(bad=1)),
        lambda f: f.setdefault("bad", 1),
    ],
)
def test_a_corrupt_field_can_be_overwritten(overwrite):
    fields = corrupt()
    overwrite(fields)
    assert fields["bad"] == 1
    assert fields.delta() == ({"bad": b"1"}, set())


def test_a_corrupt_field_goes_with_everything_else():
    fields = corrupt()
    fields.clear()
    assert fields.delta() == ({}, {"bad", "good"})


def test_a_corrupt_field_is_logged_once_with_the_handle_and_without_the_value(caplog):
    fields = corrupt()
    fields.get("bad")
    assert dict(fields) == {"good": "fine"}

    (record,) = caplog.records
    assert record.name == "django.security.SuspiciousSession"
    assert record.levelno == logging.WARNING
    assert HANDLE in record.getMessage()
    assert "'bad'" in record.getMessage()
    assert "secret" not in caplog.text


@pytest.mark.parametrize("error", [ValueError, RecursionError, AttributeError, EOFError])
def test_a_field_is_corrupt_whatever_the_serializer_raises(counting, monkeypatch, error):
    def fail(data):
        raise error

    monkeypatch.setattr(counting, "loads", fail)
    assert dict(Fields(lambda: counting, {"a": b"1"})) == {}


# Names


@pytest.mark.parametrize("name", [1, 0, -1, True, None, 1.5, SafeString("safe"), "\u00e9"])
def test_a_name_is_what_json_makes_of_it_before_and_after_a_reload(name):
    (text,) = json.loads(json.dumps({name: None}))
    fields = fields_of({})
    fields[name] = "value"
    for reader in (fields, Fields(JSONSerializer, fields.encoded())):
        assert reader[name] == reader[text] == reader.get(name) == "value"
        assert name in reader
        assert [type(key) for key in reader] == [str]
        assert list(reader) == [text]


def test_a_number_and_its_text_are_one_name():
    fields = fields_of({"1": "stored"})
    fields[1] = "new"
    assert fields.delta() == ({"1": b'"new"'}, set())
    del fields[1]
    assert fields.delta() == ({}, {"1"})


@pytest.mark.parametrize("name", [(1, 2), b"bytes", object()])
def test_a_name_json_does_not_know_is_a_type_error(name):
    with pytest.raises(TypeError):
        fields_of({})[name] = 1


@pytest.mark.parametrize("name", ["\0", "a\0b", "\ud800", "a\udfff", "\u00e9\ud83d"])
def test_a_name_no_database_can_hold_is_a_value_error(name):
    fields = fields_of({})
    with pytest.raises(ValueError, match="must not contain NUL or a lone surrogate"):
        fields[name] = 1
    assert fields == {}


@pytest.mark.parametrize("name", ["", "\u00e9", "\U0001f36a", "\ud7ff\ue000", "$.a[0]", "a'\"\\"])
def test_other_unusual_names_are_fine(name):
    fields = fields_of({})
    fields[name] = 1
    assert fields.delta() == ({name: b"1"}, set())


# The interface of a dictionary

NAMES = ["a", "b", "c", "\u00e9"]
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=3,
)


def change_in_place(mapping, name, value):
    nested = mapping.get(name)
    if isinstance(nested, list):
        nested.append(value)
    elif isinstance(nested, dict):
        nested["new"] = value


def delete(mapping, name, value):
    if name in mapping:
        del mapping[name]


OPERATIONS = {
    "set": lambda m, n, v: m.__setitem__(n, v),
    "update": lambda m, n, v: m.update({n: v}),
    "setdefault": lambda m, n, v: m.setdefault(n, v),
    "get": lambda m, n, v: m.get(n, v),
    "in": lambda m, n, v: n in m,
    "pop": lambda m, n, v: m.pop(n, v),
    "delete": delete,
    "in place": change_in_place,
    "items": lambda m, n, v: list(m.items()),
    "len": lambda m, n, v: len(m),
    "bool": lambda m, n, v: bool(m),
    "clear": lambda m, n, v: m.clear(),
    "save": lambda m, n, v: None,
}


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES),
    st.lists(st.tuples(st.sampled_from(list(OPERATIONS)), st.sampled_from(NAMES), VALUES)),
)
def test_fields_behave_like_a_dict_and_the_storage_follows(values, steps):
    model, stored = deepcopy(values), encoded(values)
    fields = Fields(JSONSerializer, stored)
    for operation, name, value in steps:
        answers = [OPERATIONS[operation](m, name, deepcopy(value)) for m in (fields, model)]
        assert answers[0] == answers[1]
        if operation == "save":
            stored = stored_after(fields, stored)
            fields.rebase(stored)

    set_, unset = fields.delta()
    assert stored_after(fields, stored) == encoded(model) == fields.encoded()
    assert all(stored.get(name) != data for name, data in set_.items())
    assert unset <= stored.keys()
    assert dict(fields) == model


def test_a_deep_copy_has_the_same_fields():
    assert dict(deepcopy(Fields(JSONSerializer, {"a": b"1"}))) == {"a": 1}


def test_a_name_that_cannot_be_there_is_absent():
    fields = Fields(JSONSerializer, {"a": b"1"})
    assert (1, 2) not in fields
    assert fields.get((1, 2), "default") == "default"
