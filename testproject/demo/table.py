"""Sessions as an aligned table of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from demo.times import ago, ahead
from django_multisession.sessions import SessionInfo

TITLES = ["USER", "DEVICE", "ADDRESS", "LAST SEEN", "EXPIRES", "HANDLE"]


def row(user: str, info: SessionInfo) -> list[str]:
    times = [ago(info.last_seen_at), ahead(info.expires_at)]
    return [user, info.device, info.ip or "", *times, info.handle[:8]]


def aligned(rows: Iterable[list[str]]) -> Iterator[str]:
    """The lines of the table, titles first."""
    cells = [TITLES, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
