"""Fixtures with DynamoDB: an observed table, a proxy that makes errors, clients without pauses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support import dynamodb_servers, dynamodb_worlds
from support.dynamodb_observed import observe
from support.dynamodb_proxy import Proxy


@pytest.fixture(scope="module", params=dynamodb_servers.SERVERS)
def observed_server(request: pytest.FixtureRequest) -> Iterator[Any]:
    yield from observe(request.param)


@pytest.fixture
def observed(observed_server: Any) -> Iterator[Any]:
    """A storage with an empty table. After the test, every request that it sent is checked."""
    observed_server.empty()
    yield observed_server
    observed_server.check()


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """moto's server behind a proxy that a test can make fail."""
    with Proxy(dynamodb_servers.MOTO) as proxy:
        yield proxy


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make DynamoDB's clients retry without pauses."""
    dynamodb_worlds.hurry(monkeypatch)
