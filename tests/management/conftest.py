"""Fixtures of the tests of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.fixtures_people import members, model
from support.prune_processes import database, environment

__all__ = ["members", "model"]


@pytest.fixture
def pruned_storage(
    tmp_path: Path, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A storage in an SQLite file of its own, which commands in other processes prune."""
    with django_db_blocker.unblock(), database(tmp_path, monkeypatch) as storage:
        yield storage


@pytest.fixture
def pruned_environment(tmp_path: Path) -> Any:
    """The environment of a command that prunes `pruned_storage`."""
    return environment(SQLITE=str(tmp_path / "db"), FILES=str(tmp_path))
