"""Conversions between records or changes and the rows of the session table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from ...core.codec import logger
from ...core.expiry import UTC, local
from ...core.record import NOTHING, Change, Record

PURGE_GRANULARITY = timedelta(hours=1)  # purge_at is a multiple of it
USER = "user"  # the reference that has a column of its own

ToDbTime = Callable[[datetime], datetime | str]  # converts to a time as the database takes it
Names = Mapping[str, str | None]  # a name and its new value, or None to remove the name

# The columns that a record is made of, in the order that `to_record` expects.
RECORD_COLUMNS = (
    "created_at",
    "last_seen_at",
    "expires_at",
    "user_ref",
    "more_references",
    "ip",
    "user_agent",
    "label",
)
EMPTY_OBJECT = "{}"  # how every server writes an empty JSON object


def to_row(id: str, record: Record, to_time: ToDbTime) -> dict[str, Any]:
    """Return the columns of a new row, with their values."""
    return {
        "handle": id,
        "data": json.dumps(texts(record.fields)),
        "more_references": json.dumps(further(record.references)),
        "created_at": to_time(record.created_at),
        "label": record.label,
        "ip": record.ip,
        "user_agent": record.user_agent,
        "user_ref": record.references.get(USER),
        **_times(record, to_time),
    }


def to_columns(change: Change, to_time: ToDbTime) -> dict[str, Any]:
    """Return the columns that the change sets. For the JSON columns see `to_merges`."""
    plain = {"ip": change.ip, "user_agent": change.user_agent, "label": change.label}
    columns: dict[str, Any] = {name: v for name, v in plain.items() if v is not None}
    columns |= _times(change, to_time)
    if USER in change.references:
        columns["user_ref"] = change.references[USER]
    return columns


def to_merges(change: Change) -> dict[str, Names]:
    """Return the JSON columns that the change merges into, with the names to set or remove."""
    merges = {
        "data": {**texts(change.set), **dict.fromkeys(change.unset)},
        "more_references": further(change.references),
    }
    return {column: names for column, names in merges.items() if names}


def to_patches(names: Names, merges_removals: bool) -> list[str]:
    """Return the JSON merge patches (RFC 7396) that set or remove these names.

    One patch, unless the server cannot merge removals (`Dialect.merges_removals`): then one that
    sets, and after it one for each removal, which works on its own.
    """
    if merges_removals:
        return [json.dumps(names)]
    values = {name: value for name, value in names.items() if value is not None}
    removals = [json.dumps({name: None}) for name, value in names.items() if value is None]
    return [*([json.dumps(values)] if values else []), *removals]


def to_record(row: Sequence[Any], zone: tzinfo, fields: Mapping[str, bytes] = NOTHING) -> Record:
    """Return the record of a row that begins with `RECORD_COLUMNS`."""
    created_at, last_seen_at, expires_at, user, more, ip, user_agent, label, *_ = row
    references = {} if more == EMPTY_OBJECT else json.loads(more)
    if user is not None:
        references[USER] = user
    return Record(
        fields=fields,
        created_at=from_db_time(created_at, zone),
        last_seen_at=from_db_time(last_seen_at, zone),
        expires_at=from_db_time(expires_at, zone),
        references=references,
        ip=ip,
        user_agent=user_agent,
        label=label,
    )


def to_fields(data: str, id: str) -> dict[str, bytes]:
    """Return the fields in the text of the ``data`` column.

    Other programs may have written to the table. A value that is not text becomes a value that
    cannot be decoded, and reads as absent. Data that is not an object is logged and reads as empty.
    """
    names = json.loads(data)
    if not isinstance(names, dict):
        logger.warning("The data of session %s is corrupt", id)
        return {}
    return {n: text.encode() if isinstance(text, str) else b"" for n, text in names.items()}


def texts(fields: Mapping[str, bytes]) -> dict[str, str]:
    """Return the fields as JSON strings, so that a merge patch never merges inside a value."""
    return {name: value.decode() for name, value in fields.items()}


def further(references: Names) -> dict[str, str | None]:
    """Return the references that have no column of their own."""
    return {name: value for name, value in references.items() if name != USER}


def to_db_time(time: datetime, zone: tzinfo | None, keeps_zones: bool) -> datetime | str:
    """Convert an aware time to what the ORM would write, so that both can read the table.

    ``zone`` is Django's `connection.timezone`: None if USE_TZ is off, which means local time.
    """
    if zone is None:
        return str(local(time))
    if keeps_zones:
        return time
    return str((time if zone is UTC else time.astimezone(zone)).replace(tzinfo=None))


def from_db_time(value: Any, zone: tzinfo) -> datetime:
    """Convert a time from the database to UTC. ``zone`` is the time zone of naive times."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    time: datetime = value if value.tzinfo else value.replace(tzinfo=zone)
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def to_purge_time(time: datetime) -> datetime:
    """Round up to a multiple of `PURGE_GRANULARITY`."""
    seconds = PURGE_GRANULARITY.total_seconds()
    return datetime.fromtimestamp(-(-time.timestamp() // seconds) * seconds, UTC)


def _times(source: Record | Change, to_time: ToDbTime) -> dict[str, Any]:
    """Return the time columns that the record or change sets."""
    times = {}
    if source.last_seen_at is not None:
        times["last_seen_at"] = to_time(source.last_seen_at)
    if source.expires_at is not None:
        times["expires_at"] = to_time(source.expires_at)
        times["purge_at"] = to_time(to_purge_time(source.expires_at))
    return times
