"""Fixtures of the tests that several parts of the package must pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from django_multisession.storage.base import Storage
from support.event_loops import lasting
from support.fixtures_people import ada, home, mine, office
from support.subjects import is_native

__all__ = ["ada", "home", "mine", "office"]


@pytest.fixture
def verbs(storage: Storage, dialect: Callable[[Any], Any]) -> Iterator[Any]:
    """The storage in one of the dialects, in one event loop: a new loop costs new connections."""
    if is_native(storage):
        yield from lasting(dialect, storage)
    else:
        yield dialect(storage)
