"""The statements and commands of each source, counted at its server, for a miss and for a hit."""

from __future__ import annotations

from secrets import token_hex

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from support.old_engines import TABLES
from support.redis_servers import ALONE

ADA = {"_auth_user_id": "7", "cart": [1]}
SQL = [kind for kind in TABLES if kind not in {"postgres", "mariadb"}]
# Engine -> commands for an unknown key, commands for a session that is moved.
REDIS = {"cache": (1, 2), "redis_sessions": (2, 3), "ours_redis": (1, 2)}


def unknown_key():
    """Return a key that no session has.

    It is not made by new_key(): Django logs statements, and the test would fail because of it.
    """
    return token_hex(16)


def queries(call):
    """Return the verbs of the SQL statements that a call sends."""
    with CaptureQueriesContext(connection) as captured:
        call()
    verbs = [query["sql"].split()[0] for query in captured]
    return [verb for verb in verbs if verb not in {"BEGIN", "COMMIT"}]


def commands(call):
    """Return the number of commands that a call sends to Redis."""
    return sum(ALONE.server.calls(call).values())


@pytest.mark.parametrize("previous", SQL, indirect=True)
def test_statements(previous, store):
    key = unknown_key()
    assert queries(store(key).load) == ["SELECT"]
    assert queries(store(key).load) == []
    key = previous.keep(**ADA)
    assert queries(store(key).load) == ["SELECT", "DELETE"]
    assert queries(store(key).load) == []


@pytest.mark.parametrize("previous", REDIS, indirect=True)
def test_commands(previous, store):
    miss, hit = REDIS[previous.kind]
    previous.source.find(unknown_key())  # connects
    key = unknown_key()
    assert commands(store(key).load) == miss
    assert commands(store(key).load) == 0
    previous.source.remove(unknown_key())  # loads the script
    assert commands(store(previous.keep(**ADA)).load) == hit
