"""Conversions between records and rows, without a database."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from django_multisession.core.record import Change, Record
from django_multisession.storage.db import encoding

UTC = timezone.utc
NOW = datetime(2026, 7, 1, 12, 34, 56, 123456, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
RECORD = Record(
    fields={"a": b"[1]", "\u00fc": b'"\\u00fc"'},
    created_at=NOW,
    last_seen_at=NOW + timedelta(minutes=1),
    expires_at=NOW + timedelta(days=1),
    references={"user": "1", "org": "7"},
    ip="::1",
    user_agent="Browser",
    label="Laptop",
)


def unchanged(time):
    return time


def columns(row, names=encoding.RECORD_COLUMNS):
    return [row[name] for name in names]


@pytest.mark.parametrize("references", [RECORD.references, {"user": "1"}, {"org": "7"}, {}])
def test_a_record_returns_from_its_row(references):
    record = Record(
        **{name: getattr(RECORD, name) for name in Record.__slots__ if name != "references"},
        references=references,
    )
    row = encoding.to_row("A" * 43, record, unchanged)
    fields = encoding.to_fields(row["data"], "A" * 43)
    assert encoding.to_record(columns(row), UTC, fields) == record


def test_a_row_may_have_more_columns_behind_those_of_the_record():
    row = columns(encoding.to_row("A" * 43, RECORD, unchanged))
    assert encoding.to_record([*row, "A" * 43, 7], UTC) == encoding.to_record(row, UTC)


def test_the_user_has_a_column_and_the_other_references_share_one():
    row = encoding.to_row("A" * 43, RECORD, unchanged)
    assert (row["user_ref"], json.loads(row["more_references"])) == ("1", {"org": "7"})


def test_a_change_sets_only_the_columns_that_it_names():
    assert encoding.to_columns(Change(), unchanged) == {}
    assert encoding.to_columns(Change(label=""), unchanged) == {"label": ""}
    assert encoding.to_columns(Change(references={"user": None}), unchanged) == {"user_ref": None}
    assert encoding.to_columns(Change(references={"org": "7"}), unchanged) == {}


def test_a_new_expiry_sets_the_purge_time_as_well():
    set_ = encoding.to_columns(Change(expires_at=NOW), unchanged)
    assert set_ == {"expires_at": NOW, "purge_at": encoding.to_purge_time(NOW)}


def test_a_change_merges_what_it_sets_and_removes():
    change = Change(set={"a": b"1"}, unset={"b"}, references={"user": "1", "org": None})
    assert encoding.to_merges(change) == {
        "data": {"a": "1", "b": None},
        "more_references": {"org": None},
    }
    assert encoding.to_merges(Change(references={"user": "1"})) == {}


NAMES = {"a": "1", "b": None, "c": "3", "d": None}


def test_where_the_server_can_one_patch_does_it_all():
    (patch,) = encoding.to_patches(NAMES, merges_removals=True)
    assert json.loads(patch) == NAMES


@pytest.mark.parametrize(
    ("names", "patches"),
    [
        (NAMES, [{"a": "1", "c": "3"}, {"b": None}, {"d": None}]),
        ({"a": "1"}, [{"a": "1"}]),
        ({"b": None}, [{"b": None}]),
    ],
)
def test_otherwise_every_removal_is_a_patch_of_its_own(names, patches):
    """See `MariaDB.merges_removals`."""
    assert [*map(json.loads, encoding.to_patches(names, merges_removals=False))] == patches


@pytest.mark.parametrize("data", ["[1]", '"text"', "7", "null"])
def test_data_that_is_not_an_object_is_logged_and_empty(caplog, data):
    assert encoding.to_fields(data, "A" * 43) == {}
    assert "A" * 43 in caplog.text


def test_a_value_that_is_not_text_hides_no_others():
    fields = encoding.to_fields('{"a": "[1]", "b": 7, "c": null}', "A" * 43)
    assert fields == {"a": b"[1]", "b": b"", "c": b""}


@pytest.mark.parametrize(
    ("time", "purged"),
    [
        (NOW, NOW.replace(hour=13, minute=0, second=0, microsecond=0)),
        (NOW.replace(minute=0, second=0, microsecond=0),) * 2,
        (
            NOW.replace(minute=0, second=0, microsecond=1),
            NOW.replace(hour=13, minute=0, second=0, microsecond=0),
        ),
    ],
)
def test_sessions_are_purged_at_the_next_full_hour(time, purged):
    assert encoding.to_purge_time(time) == purged


@pytest.mark.parametrize(
    ("zone", "keeps_zones", "value"),
    [
        (UTC, True, NOW),
        (UTC, False, "2026-07-01 12:34:56.123456"),
        (BERLIN, True, NOW),
        (BERLIN, False, "2026-07-01 14:34:56.123456"),
    ],
)
def test_a_time_is_written_as_the_orm_writes_it_and_returns(zone, keeps_zones, value):
    written = encoding.to_db_time(NOW, zone, keeps_zones)
    assert written == value
    assert encoding.from_db_time(written, zone) == NOW


def test_without_use_tz_a_time_is_written_in_local_time(settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    assert encoding.to_db_time(NOW, None, keeps_zones=True) == "2026-07-01 21:34:56.123456"


@pytest.mark.parametrize(
    "value", ["2026-07-01 14:34:56.123456", datetime(2026, 7, 1, 14, 34, 56, 123456)]
)
def test_a_naive_time_is_of_the_databases_zone(value):
    time = encoding.from_db_time(value, BERLIN)
    assert (time, time.tzinfo) == (NOW, UTC)
