"""Fixtures for the tests of the Redis storage."""

from __future__ import annotations

import pytest

from support.redis_servers import Cluster
from support.servers import running


@pytest.fixture(scope="module")
def cluster():
    """A cluster for this module only: its tests move slots, or lose answers."""
    with running(Cluster()) as cluster:
        yield cluster
