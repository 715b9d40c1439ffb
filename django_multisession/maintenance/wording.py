"""Counts and lists of sessions in English, for reports and for the output of commands."""

from __future__ import annotations

from collections.abc import Sequence

MAX_LISTED = 3  # handles; a report on a thousand sessions stays one line


def count_noun(number: int, noun: str) -> str:
    """Return a number with its noun: "1 session", "1,200 sessions"."""
    return f"{number:,} {noun}{'s'[: number != 1]}"


def list_sessions(handles: Sequence[str]) -> str:
    """Return the number of sessions and the first handles: "5 sessions (a, b, c, ...)"."""
    listed = ", ".join(handles[:MAX_LISTED]) + (", ..." if len(handles) > MAX_LISTED else "")
    return f"{count_noun(len(handles), 'session')} ({listed})"
