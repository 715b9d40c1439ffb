"""Records and changes to rows and back."""

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

ToDbTime = Callable[[datetime], datetime | str]  # a time as the database takes it

# What every answer but an id begins with, in this order.
FACTS = (
    "created_at",
    "last_seen_at",
    "expires_at",
    "user_ref",
    "more_references",
    "ip",
    "user_agent",
    "label",
)
NONE = "{}"  # how every server writes an empty JSON object


def to_row(id: str, record: Record, moment: ToDbTime) -> dict[str, Any]:
    """Column -> value, of a new row."""
    return {
        "handle": id,
        "data": json.dumps(texts(record.fields)),
        "more_references": json.dumps(further(record.references)),
        "created_at": moment(record.created_at),
        "label": record.label,
        "ip": record.ip,
        "user_agent": record.user_agent,
        "user_ref": record.references.get(USER),
        **_times(record, moment),
    }


def to_columns(change: Change, moment: ToDbTime) -> dict[str, Any]:
    """Column -> new value, for what the change touches. For the JSON columns see `to_merges`."""
    plain = {"ip": change.ip, "user_agent": change.user_agent, "label": change.label}
    columns: dict[str, Any] = {name: v for name, v in plain.items() if v is not None}
    columns |= _times(change, moment)
    if USER in change.references:
        columns["user_ref"] = change.references[USER]
    return columns


def to_merges(change: Change) -> dict[str, Mapping[str, str | None]]:
    """JSON column -> names to set, and with None to remove."""
    merges = {
        "data": {**texts(change.set), **dict.fromkeys(change.unset)},
        "more_references": further(change.references),
    }
    return {column: names for column, names in merges.items() if names}


def to_record(row: Sequence[Any], zone: tzinfo, fields: Mapping[str, bytes] = NOTHING) -> Record:
    """The record of a row that begins with `FACTS`."""
    created_at, last_seen_at, expires_at, user, more, ip, user_agent, label, *_ = row
    references = {} if more == NONE else json.loads(more)
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
    """The fields in a JSON object of texts.

    Another hand may have written to the table: a value that is no text becomes one that nothing
    can decode, and reads as absent; data that are no object, as empty.
    """
    names = json.loads(data)
    if not isinstance(names, dict):
        logger.warning("The data of session %s is corrupt", id)
        return {}
    return {n: text.encode() if isinstance(text, str) else b"" for n, text in names.items()}


def texts(fields: Mapping[str, bytes]) -> dict[str, str]:
    """As JSON strings, so that a merge patch (RFC 7396) never merges inside a value."""
    return {name: value.decode() for name, value in fields.items()}


def further(references: Mapping[str, str | None]) -> dict[str, str | None]:
    """The references that have no column of their own."""
    return {name: value for name, value in references.items() if name != USER}


def to_db_time(moment: datetime, zone: tzinfo | None, keeps_zones: bool) -> datetime | str:
    """As the ORM would write it, so that both can read the table.

    ``zone``: `connection.timezone`, None where USE_TZ is off: local time then.
    """
    if zone is None:
        return str(local(moment))
    if keeps_zones:
        return moment
    return str((moment if zone is UTC else moment.astimezone(zone)).replace(tzinfo=None))


def from_db_time(value: Any, zone: tzinfo) -> datetime:
    """Aware and in UTC. ``zone`` is what the database means by a naive time."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    moment: datetime = value if value.tzinfo else value.replace(tzinfo=zone)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def to_purge_time(moment: datetime) -> datetime:
    """The first multiple of `GRID` that is not before ``moment``."""
    seconds = PURGE_GRANULARITY.total_seconds()
    return datetime.fromtimestamp(-(-moment.timestamp() // seconds) * seconds, UTC)


def _times(source: Record | Change, moment: ToDbTime) -> dict[str, Any]:
    times = {}
    if source.last_seen_at is not None:
        times["last_seen_at"] = moment(source.last_seen_at)
    if source.expires_at is not None:
        times["expires_at"] = moment(source.expires_at)
        times["purge_at"] = moment(to_purge_time(source.expires_at))
    return times
