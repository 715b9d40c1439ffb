"""Fixtures of the tests of bearer tokens, the current request, GeoIP and responses."""

from __future__ import annotations

from support.fixtures_people import ada, home, members, mine, model, world

__all__ = ["ada", "home", "members", "mine", "model", "world"]
