"""Fixtures of the tests of bearer tokens, GeoIP and responses."""

from __future__ import annotations

from support.fixtures_people import ada, home, mine

__all__ = ["ada", "home", "mine"]
