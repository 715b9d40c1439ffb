from datetime import datetime, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_multisession.core.record import Change, Record
from django_multisession.core.references import MAX_LENGTH, as_text, changes, resolve

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
ID = UUID("12345678-1234-5678-1234-567812345678")
REFERENCES = st.dictionaries(st.sampled_from("abcd"), st.text(min_size=1, max_size=3))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("42", "42"),
        (42, "42"),
        (0, "0"),
        (-1, "-1"),
        (ID, "12345678-1234-5678-1234-567812345678"),
        (" ", " "),
        ("\u00e9\U0001f36a", "\u00e9\U0001f36a"),
        ("x" * 255, "x" * 255),
        ("\u00e9" * 255, "\u00e9" * 255),
        (10**254, "1" + "0" * 254),
    ],
)
def test_a_value_is_indexed_as_text(value, text):
    assert as_text("user", value) == text
    assert type(as_text("user", value)) is str


@pytest.mark.parametrize("value", [None, ""])
def test_nobody_is_never_indexed(value):
    assert as_text("user", value) is None


@pytest.mark.parametrize("value", ["x" * 256, 10**255, "\0", "a\0b"])
def test_a_value_no_index_can_hold_is_refused(value):
    with pytest.raises(ValueError, match=f"'user' must have at most {MAX_LENGTH} characters"):
        as_text("user", value)


@pytest.mark.parametrize("value", [{}, {"id": 1}, [], [1], {1}, b"", b"42"])
def test_a_value_that_is_no_text_and_no_number_is_refused(value):
    name = type(value).__name__
    with pytest.raises(ValueError, match=f"'user' must be text or a number, not {name}"):
        as_text("user", value)


def test_an_error_does_not_show_the_value():
    with pytest.raises(ValueError, match="user") as error:
        as_text("user", "secret\0")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"_auth_user_id": "42", "org_id": 7}, {"user": "42", "org": "7", "both": "42/7"}),
        ({"_auth_user_id": "42"}, {"user": "42"}),
        ({"_auth_user_id": "", "org_id": None}, {}),
        ({"other": "x"}, {}),
        ({}, {}),
    ],
)
def test_resolve(fields, found):
    def both(fields):
        return "{_auth_user_id}/{org_id}".format(**fields) if fields.get("org_id") else None

    sources = {"user": "_auth_user_id", "org": "org_id", "both": both}
    assert resolve(fields, sources) == found


def test_without_sources_there_are_no_references():
    assert resolve({"_auth_user_id": "42"}, {}) == {}


def test_a_callable_is_given_the_fields():
    fields = {"a": 1}
    assert resolve(fields, {"same": lambda given: given is fields}) == {"same": "True"}


@pytest.mark.parametrize("source", ["org", lambda fields: fields["org"]], ids=["field", "callable"])
def test_resolve_refuses_what_cannot_be_indexed_and_names_it(source):
    with pytest.raises(ValueError, match="'tenant'"):
        resolve({"org": {"id": 1}}, {"tenant": source})


@pytest.mark.parametrize(
    ("stored", "current", "expected"),
    [
        ({}, {}, {}),
        ({"user": "1"}, {"user": "1"}, {}),
        ({}, {"user": "1"}, {"user": "1"}),
        ({"user": "1"}, {}, {"user": None}),
        ({"user": "1"}, {"user": "2"}, {"user": "2"}),
        ({"user": "1", "org": "7"}, {"user": "2", "org": "7"}, {"user": "2"}),
        ({"user": "1"}, {"org": "7"}, {"user": None, "org": "7"}),
    ],
)
def test_changes(stored, current, expected):
    assert changes(stored, current) == expected


@settings(deadline=None)
@given(REFERENCES, REFERENCES)
def test_applying_the_changes_gives_the_current_references(stored, current):
    record = Record(references=stored, created_at=NOW, last_seen_at=NOW, expires_at=NOW)
    assert Change(references=changes(stored, current)).apply_to(record).references == current


@settings(deadline=None)
@given(REFERENCES, REFERENCES)
def test_what_did_not_change_is_not_sent(stored, current):
    changed = stored.items() ^ current.items()
    assert changes(stored, current).keys() == dict(changed).keys()


def test_an_object_whose_text_is_empty_is_nobody():
    class Nobody:
        def __str__(self):
            return ""

    assert as_text("user", Nobody()) is None
