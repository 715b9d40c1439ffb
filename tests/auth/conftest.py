"""Fixtures of the tests of logins, limits and passwords."""

from __future__ import annotations

from support.fixtures_people import members, model, two, world

__all__ = ["members", "model", "two", "world"]
