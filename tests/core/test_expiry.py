import time
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_multisession.core.expiry import NEVER, UTC, capped, idle_end, local, touch_due, utcnow
from django_multisession.core.record import Record

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AGE = 1000
SECOND = timedelta(seconds=1)
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture
def berlin(monkeypatch):
    """Set the local time zone to Berlin: one hour ahead of UTC, two in summer."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


def seen(at, lifetime):
    return Record(created_at=at, last_seen_at=at, expires_at=at + lifetime)


def test_the_clock_is_in_utc():
    before, now, after = datetime.now(UTC), utcnow(), datetime.now(UTC)
    assert before <= now <= after
    assert now.tzinfo is timezone.utc


@pytest.mark.parametrize(
    ("custom", "end"),
    [
        (None, NOW + AGE * SECOND),
        (0, NOW + AGE * SECOND),
        (1, NOW + SECOND),
        (600, NOW + 600 * SECOND),
        (0.25, NOW + SECOND / 4),
        (-5, NOW - 5 * SECOND),
        ("2026-07-02T00:00:00+00:00", datetime(2026, 7, 2, tzinfo=UTC)),
        ("2026-07-02T00:00:00.000123+05:30", datetime(2026, 7, 1, 18, 30, 0, 123, tzinfo=UTC)),
        ("2001-01-01T00:00:00+00:00", datetime(2001, 1, 1, tzinfo=UTC)),
        (datetime(2026, 7, 2, tzinfo=UTC), datetime(2026, 7, 2, tzinfo=UTC)),
        (datetime(2026, 7, 2, tzinfo=EAST), datetime(2026, 7, 1, 18, 30, tzinfo=UTC)),
    ],
)
def test_idle_end(custom, end):
    found = idle_end(custom, AGE, NOW)
    assert found == end
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("age", [0, 0.5, 1, 1209600])
def test_without_a_custom_expiry_the_age_counts_from_now(age):
    assert idle_end(None, age, NOW) == NOW + age * SECOND


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("naive", "utc"),
    [
        (datetime(2026, 7, 2, 12), datetime(2026, 7, 2, 10, tzinfo=UTC)),
        (datetime(2026, 12, 2, 12), datetime(2026, 12, 2, 11, tzinfo=UTC)),
    ],
    ids=["summer", "winter"],
)
@pytest.mark.parametrize("form", [lambda d: d, datetime.isoformat], ids=["datetime", "text"])
def test_a_naive_date_means_local_time(naive, utc, form):
    assert idle_end(form(naive), AGE, NOW) == utc


@pytest.mark.parametrize("text", ["", "tomorrow"])
def test_a_text_that_is_no_date(text):
    with pytest.raises(ValueError, match="Invalid isoformat"):
        idle_end(text, AGE, NOW)


@pytest.mark.parametrize(
    ("end", "absolute", "result"),
    [
        (NOW + 10 * SECOND, None, NOW + 10 * SECOND),
        (NOW + 10 * SECOND, 20 * SECOND, NOW + 10 * SECOND),
        (NOW + 20 * SECOND, 20 * SECOND, NOW + 20 * SECOND),
        (NOW + 21 * SECOND, 20 * SECOND, NOW + 20 * SECOND),
        (NOW - 10 * SECOND, 20 * SECOND, NOW - 10 * SECOND),
    ],
    ids=["no limit", "before", "at", "after", "over already"],
)
def test_no_session_ends_later_than_the_absolute_end(end, absolute, result):
    assert capped(end, NOW, absolute) == result


@pytest.mark.parametrize(
    ("lifetime", "interval", "due_after"),
    [
        (1000 * SECOND, 60 * SECOND, 60 * SECOND),
        (120 * SECOND, 60 * SECOND, 60 * SECOND),
        (119 * SECOND, 60 * SECOND, 59.5 * SECOND),
        (30 * SECOND, 60 * SECOND, 15 * SECOND),
        (SECOND, 60 * SECOND, SECOND / 2),
    ],
)
def test_a_touch_is_due_after_the_interval_or_half_a_shorter_lifetime(
    lifetime, interval, due_after
):
    record = seen(NOW, lifetime)
    instant = timedelta(microseconds=1)
    assert not touch_due(record, NOW, interval)
    assert not touch_due(record, NOW + due_after - instant, interval)
    assert touch_due(record, NOW + due_after, interval)
    assert touch_due(record, NOW + due_after + instant, interval)


def test_without_an_interval_a_touch_is_never_due():
    assert not touch_due(seen(NOW, SECOND), NOW + timedelta(days=9), None)


def test_a_session_of_another_clock_that_is_ahead_is_not_touched():
    assert not touch_due(seen(NOW + 5 * SECOND, 1000 * SECOND), NOW, 60 * SECOND)


@given(
    st.timedeltas(min_value=SECOND, max_value=timedelta(days=400)),
    st.timedeltas(min_value=SECOND, max_value=timedelta(days=400)),
)
def test_a_session_can_always_be_touched_before_it_ends(lifetime, interval):
    moment = NOW + min(interval, lifetime * 0.6)
    record = seen(NOW, lifetime)
    assert touch_due(record, moment, interval)
    assert record.is_live(moment)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("moment", "naive"),
    [
        (datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 1, 14)),
        (datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2026, 12, 1, 13)),
        (datetime(2026, 7, 1, 0, 0, tzinfo=EAST), datetime(2026, 6, 30, 20, 30)),
    ],
)
def test_local(moment, naive):
    assert local(moment) == naive
    assert local(moment).tzinfo is None


@example(datetime(2016, 10, 30, 0, 30, tzinfo=UTC))  # 2:30 in Berlin, and an hour later again
@example(datetime(2016, 10, 30, 1, 30, tzinfo=UTC))
@given(st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))
def test_local_time_and_back(moment):
    assert local(moment).astimezone(UTC) == moment
    assert idle_end(local(moment), AGE, NOW) == moment


@pytest.mark.parametrize(
    "custom",
    [
        datetime.max,
        datetime.max.replace(tzinfo=UTC),
        datetime.max.isoformat(),
        10**15,
        float("inf"),
    ],
    ids=str,
)
def test_never_is_a_date_every_database_can_hold(custom):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert now + timedelta(days=365 * 300) < idle_end(custom, 60, now) <= NEVER


def test_a_lifetime_long_over_is_over():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert idle_end(-(10**15), 60, now) < now
