"""Sessions as a table of aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from demo.times import ago, ahead
from django_multisession.sessions import SessionInfo

TITLES = ["USER", "DEVICE", "IP ADDRESS", "LAST SEEN", "EXPIRES", "HANDLE"]


def row(user: str, info: SessionInfo) -> list[str]:
    """Return the cells of a session."""
    times = [ago(info.last_seen_at), ahead(info.expires_at)]
    return [user, info.device, info.ip or "", *times, info.handle[:8]]


def aligned(rows: Iterable[list[str]]) -> Iterator[str]:
    """Iterate over the lines of the table, the titles first."""
    cells = [TITLES, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
