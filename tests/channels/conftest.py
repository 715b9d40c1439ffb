"""Fixtures of the tests with Channels."""

from __future__ import annotations

from support.fixtures_people import layer

__all__ = ["layer"]
