"""A scan of the whole table, in parallel segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .connection import Connection
from .encoding import Item
from .requests import Request

SEGMENTS = 8  # parts of the table that are read in parallel; at most 1 MB of each is in memory


class Scan:
    """The position of a scan: one in each segment that has not been read to its end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.remaining: dict[int, Item | None] = dict.fromkeys(range(SEGMENTS))
        self.rest: list[Item] = []  # items of the last answers that the caller has not used yet
        self._next: dict[int, Item | None] = {}

    def read(self, request: Request) -> list[dict[str, Any]]:
        """Return the next answer of each remaining segment. `advance` then moves the position."""
        segments = list(self.remaining)
        answers = self.connection.map(lambda segment: self._read(segment, request), segments)
        keys = (answer.get("LastEvaluatedKey") for answer in answers)
        self._next = {segment: key for segment, key in zip(segments, keys, strict=True) if key}
        return answers

    def advance(self) -> None:
        """Move the position behind the answers that `read` returned last."""
        self.remaining = self._next

    def answers(self, request: Request) -> Iterator[dict[str, Any]]:
        """Yield all answers from the position to the end of the table."""
        while self.remaining:
            yield from self.read(request)
            self.advance()

    def _read(self, segment: int, request: Request) -> dict[str, Any]:
        segment_request = {**request, "Segment": segment, "TotalSegments": SEGMENTS}
        return self.connection.call("scan", start_at(self.remaining[segment], segment_request))


def start_at(key: Item | None, request: Request) -> Request:
    """Return the request so that it starts behind this key; None means from the beginning."""
    return request if key is None else {**request, "ExclusiveStartKey": key}
