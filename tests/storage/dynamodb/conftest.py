"""Tests of the storage that keeps sessions in DynamoDB."""

from __future__ import annotations

import pytest

from support.fixtures_dynamodb import hurried, moto, observed, observed_server
from support.markers import mark_thorough

__all__ = ["hurried", "moto", "observed", "observed_server"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of this folder."""
    mark_thorough(item)
    item.add_marker("dynamodb")
