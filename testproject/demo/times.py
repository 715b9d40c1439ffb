"""Times, which are aware, as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


def ago(moment: datetime) -> str:
    passed = datetime.now(moment.tzinfo) - moment
    return "just now" if passed < MINUTE else f"{_span(passed)} ago"


def ahead(moment: datetime) -> str:
    return f"in {_span(moment - datetime.now(moment.tzinfo))}"


def _span(time: timedelta) -> str:
    """Rounded to one unit, of which there are several: no plural to get wrong."""
    minutes = round(time / MINUTE)
    if minutes < 100:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
