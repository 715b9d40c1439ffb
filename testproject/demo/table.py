"""Sessions as an aligned table of text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from demo.times import ago, ahead
from django_multisession.record import Record

TITLES = ["USER", "DEVICE", "ADDRESS", "LAST SEEN", "EXPIRES", "HANDLE"]


def row(user: str, handle: str, record: Record) -> list[str]:
    device, ip = _device(record.user_agent), record.ip or ""
    return [user, device, ip, ago(record.last_seen_at), ahead(record.expires_at), handle[:8]]


def aligned(rows: Iterable[list[str]]) -> Iterator[str]:
    """The lines of the table, titles first."""
    cells = [TITLES, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


def _device(user_agent: str) -> str:
    """The beginning of the user agent, without what all browsers begin with."""
    text = user_agent.removeprefix("Mozilla/5.0 ")
    return text if len(text) <= 32 else f"{text[:29]}..."
