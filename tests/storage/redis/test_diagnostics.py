"""What `manage.py check --database default` tells of a Redis server, asked for real."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from redis.exceptions import NoPermissionError

from django_multisession.backends import memory
from django_multisession.checks import check_server
from django_multisession.checks.server import NUMBERS
from django_multisession.storage.redis import RedisStorage
from django_multisession.storage.redis.diagnostics import findings
from support import redis_servers
from support.redis_servers import FINE
from support.servers import running


@pytest.fixture(scope="module")
def server():
    fine = ("--appendonly", "yes", "--hash-max-listpack-value", "256")
    with running(redis_servers.Node(*fine)) as node:
        yield node


@pytest.fixture
def engine(server, settings, monkeypatch):
    """The engine in use, on a server of its own. What a test configures is put back."""
    settings.SESSION_ENGINE = "django_multisession.backends.memory"
    before = server.client.config_get("*")
    storage = RedisStorage(url=server.url)
    monkeypatch.setattr(memory.SessionStore, "storage", storage)
    yield storage
    for name in FINE:
        server.client.config_set(name, before[name])


def found():
    return [message.id[-4:] for message in check_server(databases=["default"])]


def test_nothing_is_wrong(engine):
    assert found() == []


@pytest.mark.parametrize(
    ("id", "wrong", "told"),
    [
        ("W020", {"maxmemory": "1gb", "maxmemory-policy": "allkeys-lru"}, "allkeys-lru"),
        ("W020", {"maxmemory": "1gb", "maxmemory-policy": "volatile-ttl"}, "volatile-ttl"),
        ("W021", {"appendonly": "no"}, "logs everybody out"),
        ("W022", {"hash-max-listpack-value": "64"}, "is 64"),
    ],
)
def test_what_endangers_sessions_or_wastes_memory(engine, server, id, wrong, told):
    for name, value in wrong.items():
        server.client.config_set(name, value)
    (message,) = check_server(databases=["default"])
    assert message.id == f"multisession.{id}"
    assert told in message.msg
    assert message.hint.startswith("Set ")


@pytest.mark.parametrize(
    "fine",
    [
        {"maxmemory-policy": "allkeys-lru"},  # of no memory that could be full
        {"appendonly": "no", "save": "3600 1"},
        {"hash-max-listpack-value": "128"},
    ],
)
def test_what_is_close_to_it_and_yet_fine(fine):
    assert findings([FINE | fine]) == []


def test_what_older_servers_call_it():
    old = {name: value for name, value in FINE.items() if not name.startswith("hash")}
    assert findings([old | {"hash-max-ziplist-value": "128"}]) == []
    assert [each.name for each in findings([old | {"hash-max-ziplist-value": "64"}])] == ["memory"]


def test_what_is_wrong_with_several_servers_is_said_once():
    assert len(findings([FINE | {"appendonly": "no"}] * 3)) == 1
    assert len(RedisStorage(url=redis_servers.CLUSTER.url).diagnose()) == 2


def test_a_server_that_does_not_tell(engine, server, monkeypatch):
    server.client.acl_setuser(
        "shy", enabled=True, nopass=True, keys="*", commands=["+@all", "-config"]
    )
    shy = RedisStorage(url=server.url.replace("//", "//shy:x@"))
    monkeypatch.setattr(memory.SessionStore, "storage", shy)
    assert found() == ["W023"]
    with pytest.raises(NoPermissionError):
        shy._connection._here().config_get("*")


def test_a_server_that_does_not_answer(engine, monkeypatch):
    nowhere = RedisStorage(url=f"redis://127.0.0.1:{redis_servers.free_port()}")
    monkeypatch.setattr(memory.SessionStore, "storage", nowhere)
    (message,) = check_server(databases=["default"])
    assert message.id == "multisession.E019"
    assert "MULTISESSION_REDIS_URL" in message.msg


def test_every_finding_has_a_number():
    everything = FINE | {"maxmemory": "1", "maxmemory-policy": "allkeys-lru", "appendonly": "no"}
    names = {each.name for each in findings([everything | {"hash-max-listpack-value": "64"}])}
    assert {*names, "unknown"} <= NUMBERS.keys()


def test_the_server_is_asked_only_if_wanted(engine, server, databases):
    server.client.config_set("appendonly", "no")
    told = [StringIO(), StringIO()]
    call_command("check", stderr=told[0])
    call_command("check", databases=["default"], tags=["database"], stderr=told[1])
    assert ["multisession.W021" in each.getvalue() for each in told] == [False, True]


def test_other_engines_have_nothing_to_tell(settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    assert found() == []
