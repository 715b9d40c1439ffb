"""Pages and samples: a scan in growing steps, and the cursors at which it goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from ..base import Entry
from . import encoding
from .connection import Connection
from .encoding import PK, SK, Item
from .requests import Requests
from .scan import start_at

# Items that the first request of a page reads for each session of the page. Some of the items are
# index entries.
ITEMS_PER_SESSION = 2
# Requests that a page takes at most. Each reads twice as many items as the one before. A page that
# needs more is returned short.
MAX_STEPS = 10


class LiveItems(NamedTuple):
    """The result of `scan_live`."""

    entries: list[Entry]
    next_key: Item | None  # where to go on; None at the end of the table
    scanned: int  # items of any kind that were read


def scan_live(
    connection: Connection,
    requests: Requests,
    clock: Callable[[], datetime],
    start: Item | None,
    limit: int,
) -> LiveItems:
    """Scan from the key ``start`` until more than ``limit`` live sessions are found.

    It stops early at the end of the table, and after `MAX_STEPS` requests.
    """
    entries, scanned = list[Entry](), 0
    for step in range(MAX_STEPS):
        request = requests.live(clock(), ITEMS_PER_SESSION * (limit + 1) << step)
        answer = connection.call("scan", start_at(start, request))
        entries += encoding.live_entries(answer["Items"], clock())
        scanned += answer["ScannedCount"]
        start = answer.get("LastEvaluatedKey")
        if start is None or len(entries) > limit:
            break
    return LiveItems(entries, start, scanned)


def to_cursor(key: Item) -> str:
    """Return the text form of a key: of any item, since a page may end at another program's."""
    return json.dumps([key[PK]["S"], key[SK]["S"]])


def from_cursor(cursor: str) -> Item:
    """Return the key. Raises ValueError for text that is not a cursor."""
    try:
        partition, sort = json.loads(cursor)
        if not (0 < len(partition.encode()) <= 2048 and 0 < len(sort.encode()) <= 1024):
            raise ValueError("too long")
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{cursor!r} is not a cursor of this storage.") from None
    return {PK: {"S": partition}, SK: {"S": sort}}
