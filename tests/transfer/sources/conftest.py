"""Session objects of this engine beside a real previous engine."""

from __future__ import annotations

import pytest

from support.event_loops import lasting
from support.project import as_spoken


@pytest.fixture
def session(previous, store, dialect):
    """``session(key)``: a session object of this engine, in the dialect.

    If the previous engine connects to Redis by asyncio, all objects share one event loop.
    """
    if previous.kind != "ours_redis":
        yield lambda key=None: dialect(store(key))
        return
    for shared in lasting(dialect, None):
        yield lambda key=None: as_spoken(shared, store(key))
