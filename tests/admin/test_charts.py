"""The charts of all sessions: what they count, their texts, and where bars are drawn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation

from django_multisession import sessions
from django_multisession.admin import charts
from django_multisession.core import client
from support.admin_site import PAGE
from support.user_agents import FIREFOX, IPHONE


def charted(office, total=None):
    infos = [*sessions.all()]
    return charts.make_charts(infos, total or len(infos), office.clock.now)


def numbers(chart):
    return {bar.label: bar.number for bar in chart.bars}


@pytest.fixture
def three(office):
    office.add(agent=IPHONE, data={"_auth_user_id": "1"})
    office.add(agent="curl/8.0", data={"_auth_user_id": "2"})
    office.clock.advance(hours=2)
    office.add()


def test_what_is_counted(office, three):
    activity, users, devices = charted(office)
    assert [chart.title for chart in (activity, users, devices)] == [
        "Last active",
        "Signed in",
        "Devices",
    ]
    assert numbers(activity) == {
        "Within an hour": "1",
        "Within a day": "2",
        "Within a week": "0",
        "Within a month": "0",
        "Longer ago": "0",
    }
    assert numbers(users) == {"Signed in": "2", "Anonymous": "1"}
    assert numbers(devices) == {"Computers": "1", "Phones, tablets": "1", "Others": "1"}


SPANS = [
    (timedelta(0), "Within an hour"),
    (timedelta(hours=1), "Within an hour"),
    (timedelta(hours=1, microseconds=1), "Within a day"),
    (timedelta(days=1), "Within a day"),
    (timedelta(days=7), "Within a week"),
    (timedelta(days=30), "Within a month"),
    (timedelta(days=30, microseconds=1), "Longer ago"),
    (timedelta(seconds=-5), "Within an hour"),  # the clock of another server is ahead
]


@pytest.mark.parametrize(("age", "label"), SPANS)
def test_when_they_were_active(office, age, label):
    office.add(expires_in=10**8)
    office.clock.now += age
    (activity, *_) = charted(office)
    assert {name for name, number in numbers(activity).items() if number == "1"} == {label}


def test_every_session_is_counted_once(office, three):
    for chart in charted(office):
        assert sum(int(number) for number in numbers(chart).values()) == 3
        assert sum(bar.share for bar in chart.bars) == pytest.approx(1)


def test_none_at_all(office):
    for chart in charts.make_charts([], 0, office.clock.now):
        assert {bar.length for bar in chart.bars} == {0}


def test_of_a_sample_it_is_about_as_many(office, three):
    _, users, _ = charted(office, total=30_000)
    assert numbers(users) == {"Signed in": "≈ 20,000", "Anonymous": "≈ 10,000"}
    assert users.text == "Signed in: ≈ 20,000; Anonymous: ≈ 10,000"


ROUNDED = [(0, "0"), (7, "7"), (99, "99"), (100, "100"), (104, "100"), (106, "110"), (995, "1,000")]
ROUNDED += [(41_234, "41,000"), (1_000_000, "1,000,000"), (123_456_789, "120,000,000")]


@pytest.mark.parametrize(("number", "said"), ROUNDED)
def test_an_estimate_has_two_digits(number, said):
    assert charts.rounded(number) == said


def test_numbers_are_written_as_the_language_does():
    with translation.override("de"):
        assert charts.rounded(41_234) == "41.000"
        assert charts.Bar("x", 0.5, "1", 0).length == charts.BAR_WIDTH / 2


class TestBars:
    @pytest.mark.parametrize(
        ("share", "length"),
        [(0, 0), (0.001, 2), (0.5, charts.BAR_WIDTH / 2), (1, charts.BAR_WIDTH)],
    )
    def test_how_long_they_are(self, share, length):
        assert charts.Bar("", share, "", 0).length == length

    def test_where_they_are(self):
        first, second = (charts.Bar("", 1, "", line) for line in (0, 1))
        assert second.top - first.top == second.baseline - first.baseline == charts.LINE_HEIGHT
        assert 0 < first.top < first.baseline < charts.LINE_HEIGHT
        assert charts.Chart("", [first, second]).height == 2 * charts.LINE_HEIGHT

    @pytest.mark.parametrize("share", [0.01, 0.5, 1])
    def test_where_one_reads_to_the_left_they_are_mirrored(self, share):
        chart = charts.Chart("", [charts.Bar("", share, "", 0)])
        (bar,) = chart.bars
        left, track, ends = bar.x, chart.track, chart.ends
        with translation.override("he"):
            assert bar.x == charts.WIDTH - left - bar.length
            assert chart.track == charts.WIDTH - track - chart.room
            assert chart.ends == ends[::-1]

    def test_they_stay_inside(self):
        for language in ("en", "he"):
            with translation.override(language):
                bar = charts.Bar("", 1, "", 0)
                assert 0 <= bar.x <= bar.x + bar.length <= charts.WIDTH


def test_it_is_said_in_words_to_who_does_not_see_it(office, three):
    html = office.root().get(PAGE).content.decode()
    assert html.count(f'<svg viewBox="0 0 {charts.WIDTH} ') == html.count('role="img"') == 3
    assert 'aria-label="Signed in. Signed in: 3; Anonymous: 1"' in html
    assert "<script" not in html.partition('class="session-charts"')[2].partition("</section>")[0]


@pytest.mark.parametrize("language", ["de", "he", "ar", "fr"])
def test_coordinates_are_no_matter_of_language(office, three, language, settings):
    settings.LANGUAGE_CODE = language
    settings.USE_THOUSAND_SEPARATOR = True
    html = office.root().get(PAGE).content.decode()
    assert f'viewBox="0 0 {charts.WIDTH} {5 * charts.LINE_HEIGHT}"' in html
    assert f'width="{charts.BAR_WIDTH}"' in html


KINDS = [
    (FIREFOX, "computer"),
    (IPHONE, "mobile"),
    ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/126.0.0.0 Mobile", "mobile"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0", "computer"),
    ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) Chrome/126.0.0.0", "computer"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605", "computer"),
    ("curl/8.0", "other"),
    ("", "other"),
    ("\x00<b>", "other"),
]


@pytest.mark.parametrize(("user_agent", "kind"), KINDS)
def test_the_kind_of_a_device(user_agent, kind):
    assert client.kind_of(user_agent) == kind
