"""What sessions look like from afar: counts, and where bars are drawn. Pure.

A chart is drawn by the server, without scripts. Its colours are the admin's own, its text
alternative says the same in words.
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

# Of a drawing: its width, that of the labels, of the longest bar (numbers have the rest), and the
# height of a line.
WIDTH, LABEL, BAR, LINE = 200, 94, 58, 19
COUNTRIES = 5  # that are named; further ones are counted together

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
    label: str
    share: float  # of all, from 0 to 1
    number: str  # in words: "412", "about 41,200"
    line: int  # from the top

    @property
    def top(self) -> int:
        return self.line * LINE + 5

    @property
    def baseline(self) -> int:
        return self.line * LINE + 15

    @property
    def length(self) -> int:
        """At least a sliver, where there is anything."""
        return max(2, round(self.share * BAR)) if self.share else 0

    @property
    def x(self) -> int:
        """Where it is drawn, from the left; where one reads to the left, it grows that way."""
        return WIDTH - LABEL - self.length if get_language_bidi() else LABEL


@dataclass(frozen=True)
class Chart:
    title: str
    bars: Sequence[Bar]

    width, room = WIDTH, BAR

    @property
    def height(self) -> int:
        return len(self.bars) * LINE

    @property
    def ends(self) -> tuple[int, int]:
        """Where labels begin and where numbers end."""
        return (WIDTH, 0) if get_language_bidi() else (0, WIDTH)

    @property
    def track(self) -> int:
        return WIDTH - LABEL - BAR if get_language_bidi() else LABEL

    @property
    def text(self) -> str:
        return "; ".join(f"{bar.label}: {bar.number}" for bar in self.bars)


def charts_of(infos: Sequence[SessionInfo], about: int, now: datetime) -> list[Chart]:
    """Of all sessions, of which these are a sample, if they are not as many."""
    known = [
        (_("Last active"), _by_activity(infos, now)),
        (_("Signed in"), _by_user(infos)),
        (_("Devices"), _by_kind(infos)),
        (_("Countries"), _by_country(infos)),
    ]
    return [
        Chart(str(title), [*_bars(counts, len(infos), about)]) for title, counts in known if counts
    ]


def _bars(counts: Sequence[tuple[str, int]], sampled: int, about: int) -> Iterator[Bar]:
    for line, (label, count) in enumerate(counts):
        share = count / sampled if sampled else 0
        yield Bar(label, share, _number(count, sampled, about), line)


def _number(count: int, sampled: int, about: int) -> str:
    if sampled == about:
        return grouped(count)
    number = rounded(round(count * about / sampled))
    return pgettext("estimate", "≈ %(number)s") % {"number": number}


def rounded(number: int) -> str:
    """To two digits: an estimate knows no more."""
    scale = 10 ** max(0, len(str(number)) - 2)
    return grouped(round(number / scale) * scale)


def grouped(number: int) -> str:
    """With separators, as the language has it."""
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
    """Empty where no country is known."""
    counts = Counter(filter(None, (country_of(info.ip) for info in infos if info.ip)))
    common, rest = counts.most_common(COUNTRIES), 0
    rest = counts.total() - sum(count for _, count in common)
    return [*common, (_("Others"), rest)] if rest else common
