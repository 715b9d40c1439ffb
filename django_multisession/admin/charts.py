"""The charts above the session list: what they count, and where each bar is drawn.

The server draws a chart as SVG, without scripts, in the admin's own colours. Its text alternative
gives the same numbers in words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.formats import number_format
from django.utils.translation import get_language_bidi, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from ..core.client import kind_of
from ..sessions import SessionInfo
from ..web.geoip import country_of

# In SVG units: widths of the drawing, of its labels and of the longest bar (numbers have the
# rest), and the height of a line.
WIDTH, LABEL_WIDTH, BAR_WIDTH, LINE_HEIGHT = 200, 94, 58, 19
MAX_COUNTRIES = 5  # the most frequent ones; "Others" counts the rest

SPANS = [
    (timedelta(hours=1), gettext_lazy("Within an hour")),
    (timedelta(days=1), gettext_lazy("Within a day")),
    (timedelta(days=7), gettext_lazy("Within a week")),
    (timedelta(days=30), gettext_lazy("Within a month")),
    (timedelta.max, gettext_lazy("Longer ago")),
]
KINDS = {
    "computer": gettext_lazy("Computers"),
    "mobile": gettext_lazy("Phones, tablets"),
    "other": gettext_lazy("Others"),
}


@dataclass(frozen=True)
class Bar:
    """One line of a chart: a label, a bar and a number."""

    label: str
    share: float  # of all sessions, from 0 to 1
    number: str  # as it is shown: "412", "≈ 41,000"
    line: int  # from the top, from 0

    @property
    def top(self) -> int:
        return self.line * LINE_HEIGHT + 5

    @property
    def baseline(self) -> int:
        return self.line * LINE_HEIGHT + 15

    @property
    def length(self) -> int:
        """The length of the bar. A share above 0 is always visible."""
        return max(2, round(self.share * BAR_WIDTH)) if self.share else 0

    @property
    def x(self) -> int:
        """The left edge of the bar. In right-to-left languages the bar grows to the left."""
        return WIDTH - LABEL_WIDTH - self.length if get_language_bidi() else LABEL_WIDTH


@dataclass(frozen=True)
class Chart:
    """A title and bars, one below the other."""

    title: str
    bars: Sequence[Bar]

    width, room = WIDTH, BAR_WIDTH

    @property
    def height(self) -> int:
        return len(self.bars) * LINE_HEIGHT

    @property
    def ends(self) -> tuple[int, int]:
        """The x coordinates where labels begin and where numbers end."""
        return (WIDTH, 0) if get_language_bidi() else (0, WIDTH)

    @property
    def track(self) -> int:
        """The left edge of the background of all bars."""
        return WIDTH - LABEL_WIDTH - BAR_WIDTH if get_language_bidi() else LABEL_WIDTH

    @property
    def text(self) -> str:
        """The text alternative."""
        return "; ".join(f"{bar.label}: {bar.number}" for bar in self.bars)


def make_charts(infos: Sequence[SessionInfo], total: int, now: datetime) -> list[Chart]:
    """Return the charts of all sessions, computed from a sample.

    ``total``: how many sessions there are, possibly estimated. If the sample is as large, it
    holds all sessions and the numbers are exact.
    """
    counted = [
        (_("Last active"), _by_activity(infos, now)),
        (_("Signed in"), _by_user(infos)),
        (_("Devices"), _by_kind(infos)),
        (_("Countries"), _by_country(infos)),
    ]
    return [
        Chart(str(title), [*_bars(counts, len(infos), total)])
        for title, counts in counted
        if counts
    ]


def _bars(counts: Sequence[tuple[str, int]], sampled: int, total: int) -> Iterator[Bar]:
    for line, (label, count) in enumerate(counts):
        share = count / sampled if sampled else 0
        yield Bar(label, share, _number(count, sampled, total), line)


def _number(count: int, sampled: int, total: int) -> str:
    """Return the count as text, extrapolated from the sample if that is not everything."""
    if sampled == total:
        return grouped(count)
    number = rounded(round(count * total / sampled))
    return pgettext("estimate", "≈ %(number)s") % {"number": number}


def rounded(number: int) -> str:
    """Return an estimate as text, rounded to two digits, which is as precise as it can be."""
    scale = 10 ** max(0, len(str(number)) - 2)
    return grouped(round(number / scale) * scale)


def grouped(number: int) -> str:
    """Return the number as text, with the thousands separators of the active language."""
    return number_format(number, use_l10n=True, force_grouping=True)


def _by_activity(infos: Iterable[SessionInfo], now: datetime) -> list[tuple[str, int]]:
    counts = [0] * len(SPANS)
    for info in infos:
        age = now - info.last_seen_at
        counts[next(i for i, (span, _) in enumerate(SPANS) if age <= span)] += 1
    return [(str(label), count) for (_, label), count in zip(SPANS, counts, strict=True)]


def _by_user(infos: Sequence[SessionInfo]) -> list[tuple[str, int]]:
    users = sum(info.user_id is not None for info in infos)
    return [(_("Signed in"), users), (_("Anonymous"), len(infos) - users)]


def _by_kind(infos: Iterable[SessionInfo]) -> list[tuple[str, int]]:
    counts = Counter(kind_of(info.user_agent) for info in infos)
    return [(str(label), counts[kind]) for kind, label in KINDS.items()]


def _by_country(infos: Iterable[SessionInfo]) -> list[tuple[str, int]]:
    """Return an empty list if no country is known, for example without a GeoIP database."""
    counts = Counter(filter(None, (country_of(info.ip) for info in infos if info.ip)))
    common = counts.most_common(MAX_COUNTRIES)
    rest = counts.total() - sum(count for _, count in common)
    return [*common, (_("Others"), rest)] if rest else common
