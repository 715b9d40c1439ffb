"""Fixtures of the tests of the pages on which people see their devices."""

from __future__ import annotations

from support.fixtures_people import ada, home, members, mine, model

__all__ = ["ada", "home", "members", "mine", "model"]
