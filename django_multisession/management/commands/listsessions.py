"""A command that lists sessions with their owner, device and times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.timezone import localtime

from django_multisession.maintenance.wording import count_noun
from django_multisession.management import arguments
from django_multisession.management.cli import (
    as_json,
    current_engine,
    number,
    printable,
    report_outages,
)
from django_multisession.sessions.info import SessionInfo

COLUMNS = {  # heading -> width in characters; the last column has any width
    "handle": 43,
    "belongs to": 16,
    "device": 26,
    "ip address": 15,
    "last seen": 16,
    "expires": 16,
    "label": 0,
}


class Command(BaseCommand):
    help = (
        "List live sessions: the most recently active first if the server can sort them, otherwise "
        "in any order. Times are in the time zone of the project."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser.add_mutually_exclusive_group())
        text = "maximum number of sessions (default: all)"
        parser.add_argument("--limit", type=number, metavar="N", help=text)
        text = "print a line of JSON for each session instead of a table"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, *, as_json: bool, limit: int | None, **options: Any) -> None:
        with report_outages(current_engine()):
            infos = arguments.find(arguments.reference_of(options["user"], options["reference"]))
            listed = self._list(islice(infos, limit), as_json)
            if not as_json and options["verbosity"] > 0:
                self.stderr.write(count_noun(listed, "session"))

    def _list(self, infos: Iterable[SessionInfo], as_json: bool) -> int:
        """Print the sessions and return their number."""
        number = 0
        for number, info in enumerate(infos, 1):
            if number == 1 and not as_json:
                self.stdout.write(_line([*COLUMNS]).upper())
            cells = [printable(cell, self.stdout) for cell in _cells(info)]
            self.stdout.write(_json(info) if as_json else _line(cells))
        return number


def _cells(info: SessionInfo) -> list[str]:
    references = (v if n == "user" else f"{n}={v}" for n, v in info.references.items())
    times = _time(info.last_seen_at), _time(info.expires_at)
    return [
        *(info.handle, " ".join(references) or "-", info.device or "-", info.ip or "-"),
        *(*times, info.label),
    ]


def _line(cells: list[str]) -> str:
    """Return a line of the table. A text that is too long for its column ends in dots."""
    texts = zip(cells, COLUMNS.values(), strict=True)
    return "  ".join(_fit(text, width) for text, width in texts).rstrip()


def _fit(text: str, width: int) -> str:
    if not width or len(text) <= width:
        return text.ljust(width)
    return f"{text[: width - 3]}..."


def _time(moment: datetime) -> str:
    return localtime(moment).strftime("%Y-%m-%d %H:%M")


def _json(info: SessionInfo) -> str:
    names = ("handle", "device", "ip", "user_agent", "label")
    times = ("created_at", "last_seen_at", "expires_at")
    facts = {name: getattr(info, name) for name in (*names, *times)}
    return as_json({**facts, "references": dict(info.references)})
