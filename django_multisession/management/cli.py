"""What commands share: how people write times and engines, and what they see while they wait."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from .. import conf, engine
from ..session import SessionStore

PARTIAL = 3  # exit status: something was done, and something is left to do (2 is argparse's)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_REDRAW = 0.1  # seconds


def duration(text: str) -> timedelta:
    """Of "45", "90m", "12h", "30d", "2w": seconds, if there is no unit. For argparse."""
    match = re.fullmatch(r"(\d{1,9})([smhdw]?)", text)
    with suppress(OverflowError):
        if match is not None and int(match[1]):
            return timedelta(seconds=int(match[1]) * _UNITS[match[2] or "s"])
    raise ArgumentTypeError(f"{text!r} is no time: write 45 (seconds), 90m, 12h, 30d or 2w.")


def number(text: str) -> int:
    """1 or more. For argparse."""
    if not re.fullmatch(r"\d{1,9}", text) or not int(text):
        raise ArgumentTypeError(f"{text!r} is no number of 1 or more.")
    return int(text)


def seconds(text: str) -> float:
    """0 or more. For argparse."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise ArgumentTypeError(f"{text!r} is no number of seconds.")
    return float(text)


def engine_name(text: str) -> str:
    """ "redis" means ours; a dotted path is one."""
    return text if "." in text else f"{engine.BACKENDS}{text}"


@contextmanager
def require_engine(name: str) -> Iterator[None]:
    """An engine, which may be of no use in many ways: settings, packages and apps are missing."""
    try:
        yield
    except Exception as reason:
        raise CommandError(f"The engine {name!r} cannot be used: {reason}") from reason


def engine_of(name: str) -> type[Any]:
    """Its ``SessionStore``. Raises CommandError."""
    with require_engine(name):
        return engine.load(name)


def current_engine() -> type[SessionStore]:
    """Raises CommandError where SESSION_ENGINE is not one of ours."""
    with require_engine(conf.django_setting("SESSION_ENGINE")):
        return engine.store()


def counted(number: int, thing: str) -> str:
    """ "1 session", "1,200 sessions"."""
    return f"{number:,} {thing}{'s'[: number != 1]}"


class Progress:
    """A line that counts, where a person watches: nothing in cron, in a pipe or in a log."""

    def __init__(self, out: OutputWrapper, what: str, *, hidden: bool) -> None:
        """``out``: stderr, so that stdout stays what it is."""
        self._out, self._what = out, what
        self.is_shown = out.isatty() and not hidden
        self.total: int | None = None  # about how many come
        self._begun = time.monotonic()
        self._drawn = 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if self.is_shown and now - self._drawn >= _REDRAW:
            self._drawn = now
            self._out.write(f"\r{self._line(done, now)}\x1b[K", ending="")
            self._out.flush()

    def end(self) -> None:
        """Leave the line to what comes next."""
        if self.is_shown and self._drawn:
            self._out.write("\r\x1b[K", ending="")
            self._out.flush()

    def _line(self, done: int, now: float) -> str:
        rate = done / max(now - self._begun, 0.001)
        text = f"{self._what}: {done:,}"
        if not self.total:
            return f"{text}, {rate:,.0f} a second"
        left = max(self.total - done, 0) / rate if rate else 0
        share = min(done / self.total, 1)
        bar = "#" * round(20 * share)
        return f"{text} of about {self.total:,} [{bar:.<20}] {share:.0%}, {_clock(left)} left"


def as_json(facts: Mapping[str, Any]) -> str:
    """One line, for machines. Times are as ISO 8601 has them."""
    return json.dumps(facts, default=lambda moment: moment.isoformat())


def printable(text: str, out: OutputWrapper) -> str:
    """As a terminal can show it, and is not led by it: it holds what clients and people chose."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    text = text.encode(encoding, "replace").decode(encoding)
    return "".join(c if c.isprintable() else "?" for c in text)


@contextmanager
def report_outages(engine: type[SessionStore]) -> Iterator[None]:
    """An outage is told in a line; whoever stops reading (``| head``) needs to be told nothing."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the end fails, too
    except engine.storage.outages as error:
        raise CommandError(f"{engine.__module__}: {type(error).__name__}: {error}") from error


def _clock(left: float) -> str:
    minutes, rest = divmod(round(left), 60)
    return f"{minutes}:{rest:02}"
