"""A scan of the whole table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .connection import Connection
from .encoding import Item
from .requests import Request

SEGMENTS = 8  # of the table, read side by side; at most 1 MB of each is held at a time


class Scan:
    """Where it is: the position in each segment that is not read to its end."""

    def __init__(self, link: Connection) -> None:
        self.link = link
        self.ahead: dict[int, Item | None] = dict.fromkeys(range(SEGMENTS))
        self.rest: list[Item] = []  # of the last look, what the caller left for later
        self._next: dict[int, Item | None] = {}

    def look(self, request: Request) -> list[dict[str, Any]]:
        """An answer for each segment; then `go_on`."""
        segments = list(self.ahead)
        answers = self.link.map(lambda segment: self._look(segment, request), segments)
        reached = zip(segments, (answer.get("LastEvaluatedKey") for answer in answers), strict=True)
        self._next = {segment: key for segment, key in reached if key}
        return answers

    def go_on(self) -> None:
        self.ahead = self._next

    def answers(self, request: Request) -> Iterator[dict[str, Any]]:
        while self.ahead:
            yield from self.look(request)
            self.go_on()

    def _look(self, segment: int, request: Request) -> dict[str, Any]:
        part = {**request, "Segment": segment, "TotalSegments": SEGMENTS}
        return self.link.call("scan", from_(self.ahead[segment], part))


def from_(start: Item | None, request: Request) -> Request:
    """The request, behind this key."""
    return request if start is None else {**request, "ExclusiveStartKey": start}
