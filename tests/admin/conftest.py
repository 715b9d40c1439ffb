"""Fixtures of the tests of the admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.views.debug import get_default_exception_reporter_filter

from django_multisession.admin import SessionAdmin, search
from support.fixtures_people import browser, members, model, office

__all__ = ["browser", "members", "model", "office"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show three sessions on a page, read two pages, and sample if there are more than five."""
    monkeypatch.setattr(SessionAdmin, "list_per_page", 3)
    monkeypatch.setattr(search, "MAX_SORTED", 5)
    monkeypatch.setattr(search, "PAGE_STEPS", (1, 1))


@pytest.fixture
def org_reference(settings: Any) -> None:
    """Index sessions by organization, too."""
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}


@pytest.fixture
def use_reporter_filter(settings: Any) -> Iterator[Callable[[type], None]]:
    """A function that sets DEFAULT_EXCEPTION_REPORTER_FILTER. Django caches the instance."""

    def use(kind: type) -> None:
        settings.DEFAULT_EXCEPTION_REPORTER_FILTER = f"{kind.__module__}.{kind.__qualname__}"
        get_default_exception_reporter_filter.cache_clear()

    yield use
    get_default_exception_reporter_filter.cache_clear()
