"""What each source is asked when a session comes, and when none does: counted where it is asked."""

from __future__ import annotations

from secrets import token_hex

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from support import old_engines
from support.old_engines import TABLES
from support.redis_servers import ALONE

ADA = {"_auth_user_id": "7", "cart": [1]}
SQL = [kind for kind in TABLES if kind not in {"postgres", "mariadb"}]
REDIS = {"cache": (1, 2), "redis_sessions": (2, 3), "ours_redis": (1, 2)}


@pytest.fixture
def old(relations, request):
    yield from old_engines.opened(request.param, request)


def unknown():
    """Not issued here: Django logs statements with the keys of its own sessions."""
    return token_hex(16)


def queries(call):
    with CaptureQueriesContext(connection) as captured:
        call()
    verbs = [query["sql"].split()[0] for query in captured]
    return [verb for verb in verbs if verb not in {"BEGIN", "COMMIT"}]


def commands(call):
    return sum(ALONE.server.calls(call).values())


@pytest.mark.parametrize("old", SQL, indirect=True)
def test_statements(old, store):
    key = unknown()
    assert queries(store(key).load) == ["SELECT"]
    assert queries(store(key).load) == []
    key = old.keep(**ADA)
    assert queries(store(key).load) == ["SELECT", "DELETE"]
    assert queries(store(key).load) == []


@pytest.mark.parametrize("old", REDIS, indirect=True)
def test_commands(old, store):
    miss, comes = REDIS[old.kind]
    old.source.find(unknown())  # connects
    key = unknown()
    assert commands(store(key).load) == miss
    assert commands(store(key).load) == 0
    old.source.remove(unknown())  # loads the script
    assert commands(store(old.keep(**ADA)).load) == comes
