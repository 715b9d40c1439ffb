"""Conditions and cursors for statements that list sessions."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from ...core.expiry import UTC
from ...core.record import Record
from . import encoding
from .encoding import ToDbTime

Condition = tuple[str, str, list[Any]]  # the WHERE clause, the ORDER BY clause, the parameters

_CURSOR = re.compile(r"(\d{1,11})-(\d{1,19})")  # purge_at in seconds since 1970, id


def reference_parameters(name: str, value: str) -> list[str]:
    """Return the parameters of `Statements.has_reference`."""
    return [value] if name == encoding.USER else [name, value, json.dumps({name: value})]


def conditions_after(cursor: str | None, now: Any, to_time: ToDbTime) -> list[Condition]:
    """Return the conditions of the sessions behind a cursor, to be queried one after the other.

    First the rest of the cursor's hour, then the hours before it. With one condition for both, a
    server would read that hour from its beginning. Raises ValueError for an invalid cursor.
    """
    order = "purge_at DESC, id DESC"
    if cursor is None:
        return [("purge_at > %s", order, [now])]
    time, id = from_cursor(cursor)
    hour = to_time(time)
    same_hour = ("purge_at = %s AND id < %s", "id DESC", [hour, id])
    return [same_hour, ("purge_at > %s AND purge_at < %s", order, [now, hour])]


def to_cursor(last: Record, id: int) -> str:
    """Return the cursor behind a session: its ``purge_at`` and the id of its row."""
    return f"{int(encoding.to_purge_time(last.expires_at).timestamp())}-{id}"


def from_cursor(cursor: str) -> tuple[datetime, int]:
    """Return the ``purge_at`` and the row id in a cursor. Raises ValueError."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise ValueError(f"{cursor!r} is not a cursor of this storage.")
    return datetime.fromtimestamp(int(match[1]), UTC), int(match[2])
