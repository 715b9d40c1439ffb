"""Fixtures of the tests of bearer tokens, the current request, GeoIP and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_multisession.storage.base import Storage
from support.bearers import HANDLERS, opened
from support.fixtures_people import ada, home, members, mine, model, world

__all__ = ["ada", "home", "members", "mine", "model", "token_site", "world"]


@pytest.fixture(**HANDLERS)
def token_site(
    request: pytest.FixtureRequest,
    memory_storage: Storage,
    databases: None,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """A site with bearer tokens, under WSGI and ASGI."""
    with opened(memory_storage, settings, monkeypatch, request.param) as it:
        yield it
