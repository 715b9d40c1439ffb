"""Points in time in words, as pages show them. The markup contains the exact time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

from ..engine import store

MINUTE = 60

# Units of their own: in many languages "3 days ago" uses other forms than "3 days".
PAST: dict[str, Any] = {
    "year": npgettext_lazy("ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("ago", "%(num)d minute", "%(num)d minutes", "num"),
}


def now() -> datetime:
    """Return the time by the clock of the configured storage, in UTC."""
    return store().storage.clock()


def ago(at: datetime) -> SafeString:
    """Return the time relative to now: "just now" within a minute, "5 minutes ago" after that."""
    if (now() - at).total_seconds() < MINUTE:
        return marked(at, _("just now"))
    span = timesince(at, now(), time_strings=PAST, depth=1)
    return marked(at, _("%(span)s ago") % {"span": span})


def marked(at: datetime, words: str) -> SafeString:
    """Return a <time> element with these words; the exact local time is its title."""
    exact = date_format(timezone.localtime(at), "DATETIME_FORMAT")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, words)
