"""Helpers that the checks share: messages with ids, and the check of a dotted path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.core.checks import CheckMessage, Error, Warning

from .. import conf

Messages = Iterator[CheckMessage]


def all_of(checks: Iterable[Callable[[], Messages]]) -> list[CheckMessage]:
    """Run checks and return their messages."""
    return [message for check in checks for message in check()]


def error(number: int, message: str, hint: str) -> CheckMessage:
    """Return an error with the id multisession.E<number>."""
    return Error(message, hint=hint, id=f"multisession.E{number:03}")


def warning(number: int, message: str, hint: str) -> CheckMessage:
    """Return a warning with the id multisession.W<number>."""
    return Warning(message, hint=hint, id=f"multisession.W{number:03}")


def importable(number: int, setting: str, path: str) -> Messages:
    """Yield an error if a dotted path cannot be imported or does not name a callable."""
    try:
        if not callable(conf.import_setting(path)):
            yield error(
                number, f"{setting}: {path!r} is not callable.", "Name a function or a class."
            )
    except (ImportError, ValueError, TypeError) as reason:
        yield error(
            number,
            f"{setting} {path!r} cannot be imported: {reason}.",
            "Check the spelling of the dotted path.",
        )
