"""Calls that start together, in threads, and the connections that these leave behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

THREADS = 32
POOL = ThreadPoolExecutor(THREADS)


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """Kept for the whole module: a new connection to MariaDB costs more than a test."""
    yield
    at_once([connections.close_all] * THREADS)


@pytest.fixture(autouse=True)
def few_connections() -> Iterator[None]:
    """PostgreSQL takes 100, of all environments of tox that run side by side."""
    yield
    at_once([close_postgres] * THREADS)


def close_postgres() -> None:
    for alias in {"postgres", "prepared"} & set(connections):
        connections[alias].close()


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Start all calls together in threads. Return what each of them returned or raised."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait(20)
        try:
            return call()
        except Exception as error:
            return error

    return list(POOL.map(run, calls))
