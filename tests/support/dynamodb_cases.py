"""Hypothesis strategies for records and changes, with names that may break expressions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from django_multisession.core.expiry import NEVER
from django_multisession.core.record import Change, Record
from django_multisession.storage.dynamodb import encoding
from support.record_cases import STORABLE

ID = "i" * 43

# Reserved words, the attributes of an item, and text that has a meaning in an expression.
AWKWARD = [
    *("", " ", ".", "..", ".a", "a.b", "a[0]", "#", "#0", "##", ":", ":0", "-1", "0", "=", ", #1"),
    *("ttl", "name", "user", "data", "size", "SET", "REMOVE", "AND", "attribute_exists(pk)"),
    *("pk", "sk", "created", "seen", "expires", "references", "ip", "agent", "label"),
    *("version", "bound", "fields", "null", "N", "S", "b'\\x00'", "\x01\x7f", '"', "\\", "%s"),
    *("\u00fc", "u\u0308", "\u4e2d", "\U0001f600", "\u202e", "\ufeff", "n" * 300),
]

TEXTS = st.text(STORABLE, max_size=30)
NAMES = st.sampled_from(AWKWARD) | TEXTS
VALUES = st.text(st.characters(min_codepoint=1, max_codepoint=127)).map(str.encode)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=8)
MANY = st.integers(0, 300).map(lambda size: {f"field {n}": b"1" for n in range(size)})
# Before this time the number of microseconds has fewer digits, so an item would grow with time.
TIMES = st.datetimes(
    datetime(2001, 9, 10), NEVER.replace(tzinfo=None), timezones=st.just(timezone.utc)
)
# Names of references; settings allow fewer. dynalite is written in JavaScript, which reserves one.
SHORT = NAMES.filter(lambda name: 0 < len(name) <= 50 and name != "__proto__")
REFERENCES = st.dictionaries(SHORT, TEXTS.filter(bool), max_size=8)
RECORDS = st.builds(
    Record,
    fields=FIELDS,
    **dict.fromkeys(["created_at", "last_seen_at", "expires_at"], TIMES),
    references=REFERENCES,
    ip=st.none() | st.text(STORABLE, min_size=1, max_size=30),
    user_agent=TEXTS,
    label=TEXTS,
)


def change_of(fields: Mapping[str, bytes | None], both: set[str], **facts: Any) -> Change:
    """Return a change that unsets the fields that are None. Those in ``both`` are unset, too."""
    set_ = {name: value for name, value in fields.items() if value is not None}
    return Change(set=set_, unset=both | (fields.keys() - set_.keys()), **facts)


CHANGES = st.builds(
    change_of,
    fields=st.dictionaries(NAMES, st.none() | VALUES, max_size=8) | MANY,
    both=st.sets(st.sampled_from(AWKWARD), max_size=2),
    references=st.dictionaries(SHORT, st.none() | TEXTS.filter(bool), max_size=8),
    **dict.fromkeys(["expires_at", "last_seen_at"], st.none() | TIMES),
    **dict.fromkeys(["ip", "user_agent", "label"], st.none() | TEXTS),
)


def item_of(record: Record, bound: int = 0, version: str = "v") -> encoding.Item:
    """Return the item of a record under `ID`."""
    return encoding.to_item(ID, record, bound, version)
