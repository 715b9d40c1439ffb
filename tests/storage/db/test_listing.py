"""Conditions and cursors of lists of sessions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from django_multisession.core.record import Record
from django_multisession.storage.db import listing

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=timezone.utc)


def unchanged(time):
    return time


def record(expires_at):
    return Record(created_at=NOW, last_seen_at=NOW, expires_at=expires_at)


def test_a_cursor_names_the_hour_of_the_purge_and_the_row():
    cursor = listing.to_cursor(record(NOW + timedelta(minutes=1)), 42)
    assert listing.from_cursor(cursor) == (NOW + timedelta(hours=1), 42)


@pytest.mark.parametrize("cursor", ["", "1", "1-", "-1", "1-2-3", "a-1", "1-1\n", "1" * 12 + "-1"])
def test_an_invalid_cursor_is_named(cursor):
    with pytest.raises(ValueError, match="is not a cursor"):
        listing.from_cursor(cursor)
    with pytest.raises(ValueError, match="is not a cursor"):
        listing.conditions_after(cursor, NOW, unchanged)


def test_the_first_page_has_one_condition():
    ((where, order, parameters),) = listing.conditions_after(None, NOW, unchanged)
    assert (where, order, parameters) == ("purge_at > %s", "purge_at DESC, id DESC", [NOW])


def test_behind_a_cursor_come_the_rest_of_its_hour_and_then_the_hours_before():
    hour = NOW + timedelta(hours=3)
    rest, before = listing.conditions_after(listing.to_cursor(record(hour), 42), NOW, unchanged)
    assert rest == ("purge_at = %s AND id < %s", "id DESC", [hour, 42])
    assert before == (
        "purge_at > %s AND purge_at < %s",
        "purge_at DESC, id DESC",
        [NOW, hour],
    )


def test_the_user_is_one_parameter_and_any_other_reference_three():
    """See `Statements.has_reference`."""
    assert listing.reference_parameters("user", "1") == ["1"]
    assert listing.reference_parameters("org", '"7') == ["org", '"7', '{"org": "\\"7"}']
