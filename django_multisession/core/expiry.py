"""When a session ends and when it is worth a touch. Pure: the clock is passed in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

from django.utils.timezone import get_default_timezone, make_naive

from .record import Record

UTC = timezone.utc

LONG = 10_000_000_000  # seconds, 317 years: no lifetime is longer
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # no end is later

CUSTOM = "_session_expiry"  # the field in which Django's set_expiry() keeps its value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utcnow() -> datetime:
    """The clock every storage starts with. One clock decides about expiry: the application's."""
    return datetime.now(UTC)


def to_microseconds(time: datetime) -> int:
    """Since 1970: how storages without a type for times keep them, exactly."""
    return (time - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)  # who is here asks again and again: a tenth of the time
def from_microseconds(digits: str | bytes | int) -> datetime:
    """The inverse, of what a server answers. Raises ValueError or OverflowError."""
    return _EPOCH + timedelta(microseconds=int(digits))


def local(moment: datetime) -> datetime:
    """Naive, in local time, as Django has it with USE_TZ off.

    By the zone's rules and not its offset, so that the hour that comes twice a year keeps its fold.
    """
    return make_naive(moment, get_default_timezone())


def idle_end(custom: int | float | str | datetime | None, age: float, now: datetime) -> datetime:
    """When the session ends if nothing more happens.

    ``custom`` is what ``set_expiry()`` left in the session: a number of seconds, a fixed date
    (ISO text; naive means local time, as Django writes it with USE_TZ off), or nothing, for
    ``age`` seconds from ``now``. 0, "when the browser closes", is ``age`` for the server.
    """
    if isinstance(custom, str):
        custom = datetime.fromisoformat(custom)
    if isinstance(custom, datetime):
        return custom.astimezone(UTC) if custom.year < NEVER.year else NEVER
    return now + timedelta(seconds=max(-LONG, min(custom or age, LONG)))


def capped(end: datetime, created_at: datetime, absolute: timedelta | None) -> datetime:
    """``end``, but no later than the absolute end, which nothing moves (ASVS 5.0 7.3.2)."""
    return end if absolute is None else min(end, created_at + absolute)


def touch_due(record: Record, now: datetime, interval: timedelta | None) -> bool:
    """Has the session been seen so long ago that it is worth a write?

    After ``interval``, or after half of its lifetime where that is shorter: a session that lives
    for 30 seconds must not die of a touch interval of 60.
    """
    if interval is None:
        return False
    lifetime = record.expires_at - record.last_seen_at
    return now - record.last_seen_at >= min(interval, lifetime / 2)
