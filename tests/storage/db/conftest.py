"""Fixtures of the tests of the storage that keeps sessions in SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_multisession.storage.db import DatabaseStorage
from support.databases import require


@pytest.fixture
def connection(database_storage: DatabaseStorage) -> Any:
    """Django's connection to the database of the storage."""
    return connections[database_storage.database]


@pytest.fixture
def statements(connection: Any) -> Callable[[Callable[[], object]], list[str]]:
    """A function that runs a call and returns the first word of every statement it sends."""

    def run(call: Callable[[], object]) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            call()
        return [query["sql"].split()[0] for query in captured]

    return run


@pytest.fixture(params=[True, False], ids=["USE_TZ", "no USE_TZ"])
def use_tz(request: pytest.FixtureRequest, settings: Any, connection: Any) -> Iterator[None]:
    """Run the test with USE_TZ on and off."""

    def renew() -> None:
        connection.__dict__.pop("timezone", None)
        connection.close()

    settings.USE_TZ = request.param
    renew()
    yield
    settings.USE_TZ = True
    renew()


@pytest.fixture
def postgres(clock: Any, databases: Any) -> Iterator[DatabaseStorage]:
    """A storage in PostgreSQL."""
    require("postgres")
    storage = DatabaseStorage(database="postgres", clock=clock)
    yield storage
    storage.clear()
