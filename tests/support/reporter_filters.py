"""Exception reporter filters of projects, which decide what the admin hides."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class CardFilter(SafeExceptionReporterFilter):
    """Hides names that contain CARD, and nothing that Django would hide."""

    hidden_settings = re.compile("CARD", re.IGNORECASE)


class ExactFilter(SafeExceptionReporterFilter):
    """Hides two names, in lower case only."""

    hidden_settings = re.compile("^(plain|password)$")


class LongerFilter(SafeExceptionReporterFilter):
    """Hides what Django hides, and names that contain PLAIN."""

    hidden_settings = re.compile(
        f"{SafeExceptionReporterFilter.hidden_settings.pattern}|PLAIN", re.IGNORECASE
    )


class NoNamesFilter:
    """A filter of a project's own, without ``hidden_settings``."""
