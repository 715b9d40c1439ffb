"""DynamoDB as the tests of its storage meet it: observed, in trouble, in a hurry."""

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
    """A DynamoDB with an empty table. All that the test has it send is checked."""
    observed_server.empty()
    yield observed_server
    observed_server.check()


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    """A DynamoDB, through a proxy that makes trouble where it is told to."""
    with Proxy(dynamodb_servers.MOTO) as proxy:
        yield proxy


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of DynamoDB, which do not wait between two attempts."""
    dynamodb_worlds.hurry(monkeypatch)
