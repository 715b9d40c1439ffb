"""Times in words. All datetimes are aware."""

from __future__ import annotations

from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


def ago(moment: datetime) -> str:
    """Return how long ago a time was: "just now", "5 min ago"."""
    passed = datetime.now(moment.tzinfo) - moment
    return "just now" if passed < MINUTE else f"{_span(passed)} ago"


def ahead(moment: datetime) -> str:
    """Return how far ahead a time is: "in 14 days"."""
    return f"in {_span(moment - datetime.now(moment.tzinfo))}"


def _span(time: timedelta) -> str:
    """Round to one unit, chosen so that the number is never 1 and needs no singular."""
    minutes = round(time / MINUTE)
    if minutes < 100:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
