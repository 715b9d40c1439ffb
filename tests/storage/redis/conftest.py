"""Fixtures and markers of the tests of the Redis storage."""

from __future__ import annotations

import pytest

from support.markers import mark_thorough
from support.redis_servers import Cluster
from support.servers import running


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of this folder."""
    mark_thorough(item)


@pytest.fixture(scope="module")
def cluster():
    """A cluster for this module only: its tests move slots, or lose answers."""
    with running(Cluster()) as cluster:
        yield cluster
