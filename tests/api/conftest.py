"""Fixtures of the tests of the devices API: sites on the memory storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_multisession.storage.base import Storage
from support.api_clients import opened


@pytest.fixture
def site(
    memory_storage: Storage, databases: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A site with the devices API."""
    with opened(memory_storage, settings, monkeypatch) as it:
        yield it


@pytest.fixture(params=["cookie", "token"])
def site_by_each(site: Any, request: pytest.FixtureRequest) -> Any:
    """The site, whose callers authenticate with a cookie, then with a token."""
    site.by = request.param
    return site
