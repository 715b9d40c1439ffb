"""Expiry times, and when a touch is due. Pure code: the current time is an argument."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import lru_cache

from django.utils.timezone import get_default_timezone, make_naive

from .record import Record

UTC = timezone.utc

LONG = 10_000_000_000  # seconds, 317 years: no lifetime is longer
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # no session expires later

CUSTOM = "_session_expiry"  # the field in which Django's set_expiry() stores its value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def utcnow() -> datetime:
    """Return the current time. The default clock of every storage; tests pass another."""
    return datetime.now(UTC)


def to_microseconds(time: datetime) -> int:
    """Return the microseconds since 1970: exact, for storages that have no type for times."""
    return (time - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)  # requests of a visitor repeat the same times; takes a tenth of the time
def from_microseconds(digits: str | bytes | int) -> datetime:
    """Return the time of a number that a server returned. Raises ValueError or OverflowError."""
    return _EPOCH + timedelta(microseconds=int(digits))


def local(time: datetime) -> datetime:
    """Convert to naive local time, as Django stores times if USE_TZ is off.

    The time zone's rules are used and not its offset, so that the hour that occurs twice when
    summer time ends keeps its fold.
    """
    return make_naive(time, get_default_timezone())


def idle_end(custom: int | float | str | datetime | None, age: float, now: datetime) -> datetime:
    """Return when the session expires if it is not used again.

    ``custom`` is the value that ``set_expiry()`` has stored in the session:

    - a number: that many seconds from ``now``;
    - a datetime or ISO text: that time (naive means local time, as Django writes it with USE_TZ
      off);
    - None, or 0 for "when the browser closes": ``age`` seconds from ``now``.
    """
    if isinstance(custom, str):
        custom = datetime.fromisoformat(custom)
    if isinstance(custom, datetime):
        return custom.astimezone(UTC) if custom.year < NEVER.year else NEVER
    return now + timedelta(seconds=max(-LONG, min(custom or age, LONG)))


def capped(end: datetime, created_at: datetime, absolute: timedelta | None) -> datetime:
    """Return ``end``, or the absolute end if that is earlier.

    The absolute end counts from the creation, and no use of the session moves it (ASVS 5.0 7.3.2).
    """
    return end if absolute is None else min(end, created_at + absolute)


def touch_due(record: Record, now: datetime, interval: timedelta | None) -> bool:
    """Return whether the session was last seen long enough ago to be worth a write.

    A touch is due after ``interval``, or after half of the lifetime if that is shorter: a session
    that lives for 30 seconds must not expire because of a touch interval of 60. None: never.
    """
    if interval is None:
        return False
    lifetime = record.expires_at - record.last_seen_at
    return now - record.last_seen_at >= min(interval, lifetime / 2)
