"""Shared parts of the commands: argument types, engines, progress and output."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

from django.core.management.base import CommandError, OutputWrapper

from .. import conf, engine
from ..session import SessionStore

T = TypeVar("T")

PARTIAL = 3  # exit status: stopped before everything was done (2 is argparse's)

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_REDRAW = 0.1  # seconds between two updates of the progress line


def duration(text: str) -> timedelta:
    """Parse "45" (seconds), "90m", "12h", "30d" or "2w". For argparse."""
    match = re.fullmatch(r"(\d{1,9})([smhdw]?)", text)
    with suppress(OverflowError):
        if match is not None and int(match[1]):
            return timedelta(seconds=int(match[1]) * _UNITS[match[2] or "s"])
    raise ArgumentTypeError(f"{text!r} is not a duration. Write 45 (seconds), 90m, 12h, 30d or 2w.")


def number(text: str) -> int:
    """Parse a whole number of 1 or more. For argparse."""
    if not re.fullmatch(r"\d{1,9}", text) or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a whole number of 1 or more.")
    return int(text)


def seconds(text: str) -> float:
    """Parse a number of seconds, 0 or more. For argparse."""
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise ArgumentTypeError(
            f"{text!r} is not a number of seconds. Write 2 or 0.5, for example."
        )
    return float(text)


def engine_name(text: str) -> str:
    """Return the dotted path of an engine: a name without dots is one of this package."""
    return text if "." in text else f"{engine.BACKENDS}{text}"


def require_engine(name: str, load: Callable[[str], T]) -> T:
    """Return ``load(name)``.

    Raises CommandError with the name of the engine if that fails, whatever the reason: settings,
    packages or apps may be missing.
    """
    try:
        return load(name)
    except Exception as reason:
        raise CommandError(f"The engine {name!r} cannot be used: {reason}") from reason


def current_engine() -> type[SessionStore]:
    """Return the ``SessionStore`` class of SESSION_ENGINE.

    Raises CommandError if the engine is not one of this package or cannot be used.
    """
    return require_engine(conf.django_setting("SESSION_ENGINE"), lambda _: engine.store())


class Progress:
    """A progress line on a terminal. It writes nothing in cron, to a pipe or to a file."""

    def __init__(self, out: OutputWrapper, label: str, *, hidden: bool) -> None:
        """``out``: stderr, so that stdout holds only the command's output."""
        self._out, self._label = out, label
        self.is_shown = out.isatty() and not hidden
        self.total: int | None = None  # approximate; None if unknown
        self._begun = time.monotonic()
        self._drawn = 0.0

    def __call__(self, done: int) -> None:
        """Show that ``done`` of them are done. Redraws ten times a second at most."""
        now = time.monotonic()
        if self.is_shown and now - self._drawn >= _REDRAW:
            self._drawn = now
            self._out.write(f"\r{self._line(done, now)}\x1b[K", ending="")
            self._out.flush()

    def end(self) -> None:
        """Clear the line for the output that follows."""
        if self.is_shown and self._drawn:
            self._out.write("\r\x1b[K", ending="")
            self._out.flush()

    def _line(self, done: int, now: float) -> str:
        rate = done / max(now - self._begun, 0.001)
        text = f"{self._label}: {done:,}"
        if not self.total:
            return f"{text}, {rate:,.0f} per second"
        left = max(self.total - done, 0) / rate if rate else 0
        share = min(done / self.total, 1)
        bar = "#" * round(20 * share)
        return f"{text} of about {self.total:,} [{bar:.<20}] {share:.0%}, {_clock(left)} left"


def as_json(facts: Mapping[str, Any]) -> str:
    """Return one line of JSON. Times are in ISO 8601."""
    return json.dumps(facts, default=lambda moment: moment.isoformat())


def printable(text: str, out: OutputWrapper) -> str:
    """Replace characters that the terminal cannot show or would obey: clients choose such texts."""
    encoding = getattr(out, "encoding", None) or "utf-8"
    text = text.encode(encoding, "replace").decode(encoding)
    return "".join(c if c.isprintable() else "?" for c in text)


@contextmanager
def report_outages(engine: type[SessionStore]) -> Iterator[None]:
    """Turn an outage into a CommandError of one line.

    When the reader closes the pipe (``| head``), the command ends without a message.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or flushing at exit fails again
    except engine.storage.outages as error:
        raise CommandError(f"{engine.__module__}: {type(error).__name__}: {error}") from error


def _clock(left: float) -> str:
    minutes, rest = divmod(round(left), 60)
    return f"{minutes}:{rest:02}"
