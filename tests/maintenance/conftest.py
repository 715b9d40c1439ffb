"""Fixtures of the tests of pruning, reindexing and integrity."""

from __future__ import annotations

from support.fixtures_dynamodb import hurried, moto

__all__ = ["hurried", "moto"]
