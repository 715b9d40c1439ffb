"""Points in time in words. The template filter's tests have the spans in English."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from django_multisession.web import humanize
from support.project import install


@pytest.fixture
def now(memory_storage, settings, monkeypatch):
    """The time by the clock of the configured storage, far from the machine's."""
    memory_storage.clock.now = memory_storage.clock.now.replace(year=2040)
    install(memory_storage, settings, monkeypatch)
    return memory_storage.clock.now


def test_now_is_the_storages_clock(now):
    """The clock of the web server may differ from the one that dated the sessions."""
    assert humanize.now() == now


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59.999, ">just now<"), (60, ">1\xa0minute ago<"), (-3600, ">just now<")],
)
def test_within_a_minute_and_in_the_future_it_is_just_now(now, seconds, words):
    assert words in humanize.ago(now - timedelta(seconds=seconds))


def test_only_the_largest_unit_is_shown(now):
    assert ">2\xa0days ago<" in humanize.ago(now - timedelta(days=2, hours=23, minutes=59))


@pytest.mark.parametrize("unit", humanize.PAST)
def test_every_unit_has_a_singular_and_a_plural(now, unit):
    days = {"year": 366, "month": 31, "week": 7, "day": 1, "hour": 1 / 24, "minute": 1 / 1440}
    for number, ending in [(1, unit), (3, f"{unit}s")]:
        span = timedelta(days=number * days[unit])
        assert f">{number}\xa0{ending} ago<" in humanize.ago(now - span)


def test_past_times_use_the_forms_that_the_language_has_for_them(now):
    """In German 3 days are "3 Tage", but 3 days ago is "vor 3 Tagen"."""
    with translation.override("de"):
        assert ">vor 3\xa0Tagen<" in humanize.ago(now - timedelta(days=3))


def test_words_are_escaped(now):
    html = humanize.marked(now, "<b>now</b>")
    assert "<b>" not in html
    assert f'<time datetime="{now.isoformat()}" title="' in html


def test_the_title_is_in_the_time_zone_of_the_site(now, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    at = now.replace(month=5, day=5, hour=18, minute=0)
    assert 'title="May 6, 2040, 3 a.m."' in humanize.marked(at, "then")
