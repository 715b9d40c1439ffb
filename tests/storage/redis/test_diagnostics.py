"""Tests of what `manage.py check --database default` reports about a real Redis server."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from redis.exceptions import NoPermissionError

from django_multisession.backends import memory
from django_multisession.checks import check_server
from django_multisession.checks.server import WARNINGS
from django_multisession.storage.redis import RedisStorage
from django_multisession.storage.redis.diagnostics import findings
from support import redis_servers
from support.redis_servers import FINE
from support.servers import running

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def server():
    fine = ("--appendonly", "yes", "--hash-max-listpack-value", "256")
    with running(redis_servers.Node(*fine)) as node:
        yield node


@pytest.fixture
def engine(server, settings, monkeypatch):
    """The engine in use, on a server of its own. The server's configuration is restored."""
    settings.SESSION_ENGINE = "django_multisession.backends.memory"
    before = server.client.config_get("*")
    storage = RedisStorage(url=server.url)
    monkeypatch.setattr(memory.SessionStore, "storage", storage)
    yield storage
    for name in FINE:
        server.client.config_set(name, before[name])


def found_ids():
    """Return the last four characters of the id of each message."""
    return [message.id[-4:] for message in check_server(databases=["default"])]


def test_nothing_is_wrong(engine):
    assert found_ids() == []


@pytest.mark.parametrize(
    ("id", "wrong", "text"),
    [
        ("W020", {"maxmemory": "1gb", "maxmemory-policy": "allkeys-lru"}, "allkeys-lru"),
        ("W020", {"maxmemory": "1gb", "maxmemory-policy": "volatile-ttl"}, "volatile-ttl"),
        ("W021", {"appendonly": "no"}, "logs everybody out"),
        ("W022", {"hash-max-listpack-value": "64"}, "is 64"),
    ],
)
def test_what_endangers_sessions_or_wastes_memory(engine, server, id, wrong, text):
    for name, value in wrong.items():
        server.client.config_set(name, value)
    (message,) = check_server(databases=["default"])
    assert message.id == f"multisession.{id}"
    assert text in message.msg
    assert message.hint.startswith("Set ")


@pytest.mark.parametrize(
    "fine",
    [
        {"maxmemory-policy": "allkeys-lru"},  # without a limit that could be reached
        {"appendonly": "no", "save": "3600 1"},
        {"hash-max-listpack-value": "128"},
    ],
)
def test_what_is_close_to_it_and_yet_fine(fine):
    assert findings([FINE | fine]) == []


def test_what_older_servers_call_it():
    old = {name: value for name, value in FINE.items() if not name.startswith("hash")}
    assert findings([old | {"hash-max-ziplist-value": "128"}]) == []
    (finding,) = findings([old | {"hash-max-ziplist-value": "64"}])
    assert finding.name == "memory"


def test_what_is_wrong_with_several_servers_is_said_once():
    assert len(findings([FINE | {"appendonly": "no"}] * 3)) == 1
    assert len(RedisStorage(url=redis_servers.CLUSTER.url).diagnose()) == 2


def test_a_server_that_does_not_tell(engine, server, monkeypatch):
    server.client.acl_setuser(
        "restricted", enabled=True, nopass=True, keys="*", commands=["+@all", "-config"]
    )
    restricted = RedisStorage(url=server.url.replace("//", "//restricted:x@"))
    monkeypatch.setattr(memory.SessionStore, "storage", restricted)
    assert found_ids() == ["W023"]
    with pytest.raises(NoPermissionError):
        restricted.topology.client().config_get("*")


def test_a_server_that_does_not_answer(engine, monkeypatch):
    unreachable = RedisStorage(url=f"redis://127.0.0.1:{redis_servers.free_port()}")
    monkeypatch.setattr(memory.SessionStore, "storage", unreachable)
    (message,) = check_server(databases=["default"])
    assert message.id == "multisession.E019"
    assert "MULTISESSION_REDIS_URL" in message.msg


def test_every_finding_has_a_number():
    everything = FINE | {"maxmemory": "1", "maxmemory-policy": "allkeys-lru", "appendonly": "no"}
    wrong = everything | {"hash-max-listpack-value": "64"}
    names = {finding.name for finding in findings([wrong])}
    assert {*names, "unknown"} <= WARNINGS.keys()


def test_the_server_is_asked_only_if_wanted(engine, server, databases):
    server.client.config_set("appendonly", "no")
    outputs = [StringIO(), StringIO()]
    call_command("check", stderr=outputs[0])
    call_command("check", databases=["default"], tags=["database"], stderr=outputs[1])
    assert ["multisession.W021" in output.getvalue() for output in outputs] == [False, True]


def test_other_engines_have_nothing_to_tell(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    assert found_ids() == []
