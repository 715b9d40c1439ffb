"""A record with every attribute set, and a record with only its times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from django_multisession.core.record import Record

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
RECORD = Record(
    fields={"a": b"1", "b": b"2"},
    created_at=NOW,
    last_seen_at=NOW + timedelta(seconds=1),
    expires_at=NOW + timedelta(days=14),
    references={"user": "42", "org": "7"},
    ip="10.0.0.1",
    user_agent="Browser",
    label="Laptop",
)
BARE = Record(created_at=NOW, last_seen_at=NOW, expires_at=NOW)

STORABLE = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
