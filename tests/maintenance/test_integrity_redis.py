"""Faults of a Redis server that `checksessions` finds; its remedies are carried out."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

from django_multisession.core.expiry import utcnow
from django_multisession.maintenance.integrity import check
from django_multisession.storage.redis import RedisStorage
from support import redis_servers
from support.integrity_cases import opened
from support.proxies import Fate, Proxy
from support.redis_servers import FINE
from support.servers import running, wait_until

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

FAST = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3}


@pytest.fixture(scope="module")
def server():
    options = [word for name, value in FINE.items() for word in (f"--{name}", value)]
    with running(redis_servers.Node(*options)) as node:
        yield node


@pytest.fixture
def use(server, settings, monkeypatch):
    """``use(url)``: configure the engine. Settings of the server are restored after the test."""
    yield lambda url=server.url, **more: opened(
        RedisStorage(url=url, **more), settings, monkeypatch
    )
    server.client.replicaof("NO", "ONE")
    for name, value in FINE.items():
        server.client.config_set(name, value)
    server.client.flushall()


def found():
    return [finding.name for finding in check().findings]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("eviction", {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}),
        ("persistence", {"appendonly": "no"}),
        ("memory", {"hash-max-listpack-value": "64"}),
    ],
)
def test_the_configuration(use, server, name, wrong):
    use()
    for option, value in wrong.items():
        server.client.config_set(option, value)
    (finding,) = check().findings
    assert finding.name == name
    option, value = re.match(r"Set (\S+) (\w+)", finding.remedy).groups()
    server.client.config_set(option, value)
    assert found() == []


def test_a_server_that_is_full(use, server):
    use()
    server.client.config_set("maxmemory", "1")
    (finding,) = check().findings
    assert (finding.name, "OutOfMemory" in finding.problem) == ("failure", True)
    server.client.config_set("maxmemory", "0")
    assert found() == []
    assert server.client.keys() == []


def test_a_replica_that_can_only_be_read(use, server):
    use()
    with running(redis_servers.Node()) as primary:
        server.client.replicaof(redis_servers.HOST, primary.port)
        wait_until(lambda: server.client.info()["master_link_status"] == "up", "replication")
        (finding,) = check().findings
        assert (finding.name, "ReadOnly" in finding.problem) == ("failure", True)
    server.client.replicaof("NO", "ONE")
    assert found() == []


@pytest.mark.parametrize("command", ["config", "time"])
def test_what_a_user_may_not_ask(use, server, command):
    """A setting that the user may not read is unknown; the other checks go on."""
    rules = {"enabled": True, "nopass": True, "keys": "*", "commands": ["+@all", f"-{command}"]}
    server.client.acl_setuser("shy", **rules)
    use(server.url.replace("//", "//shy:x@"))
    result = check()
    assert {finding.name for finding in result.findings} <= {"unknown"}
    assert result.timings


def test_a_password_is_not_told(use, server):
    use(server.url.replace("//", "//nobody:s3cret@"))
    (finding,) = check().findings
    assert finding.name == "failure"
    assert "s3cret" not in str(finding)
    assert "MULTISESSION_REDIS_URL" in finding.problem


# Clocks


@pytest.mark.parametrize(("ahead", "word"), [(60, "behind"), (-60, "ahead"), (6, "behind")])
def test_a_clock_that_is_wrong(use, ahead, word):
    storage = use()
    storage.clock = lambda: utcnow() + timedelta(seconds=ahead)
    (finding,) = check().findings
    assert finding.name == "clock"
    assert re.search(rf" {abs(ahead)} s {word}:", finding.problem)
    assert "NTP" in finding.remedy


@pytest.mark.parametrize("ahead", [-4, 0, 4])
def test_a_clock_that_is_right(use, ahead):
    storage = use()
    storage.clock = lambda: utcnow() + timedelta(seconds=ahead)
    assert found() == []


def test_a_clock_that_is_so_wrong_that_sessions_are_over_at_once(use):
    storage = use()
    storage.clock = lambda: utcnow() - timedelta(hours=1)
    assert found() == ["clock", "failure"]


@pytest.mark.thorough
def test_one_of_a_cluster_is_wrong_and_told_once(settings, monkeypatch):
    storage = opened(RedisStorage(url=redis_servers.CLUSTER.url), settings, monkeypatch)
    now = utcnow()
    times = [now, now + timedelta(hours=1), now + timedelta(hours=2)]
    monkeypatch.setattr(storage.connection, "times", lambda: times)
    assert found() == ["persistence", "memory", "clock"]


# Outages


@pytest.fixture
def proxy(server):
    proxy = Proxy(server, Fate())
    yield SimpleNamespace(url=f"redis://{redis_servers.HOST}:{proxy.port}", lose=proxy.fate.lose)
    proxy.close()


def test_a_server_that_is_down(use):
    use(f"redis://{redis_servers.HOST}:{redis_servers.free_port()}", options=FAST)
    result = check()
    (finding,) = result.findings
    assert finding.problem.startswith("Querying the server fails: ConnectionError")
    assert (result.timings, result.looked_at) == ({}, 0)


@pytest.mark.thorough
def test_a_server_that_takes_its_time(use, server):
    use(options=FAST)
    server.client.execute_command("CLIENT", "PAUSE", 3000, "WRITE")
    (finding,) = check().findings
    assert finding.problem.startswith("Insert fails: TimeoutError")
    server.client.execute_command("CLIENT", "UNPAUSE")
    wait_until(lambda: not server.client.exists("multisession:lease"), "the server")
    assert found() == []


def test_an_answer_that_is_lost(use, proxy):
    """The client repeats the call, and nothing is reported."""
    use(proxy.url)
    assert found() == []
    proxy.lose("checksessions")
    assert found() == []


def test_a_server_that_goes_away_meanwhile(use, monkeypatch):
    """The server fails while sessions are checked."""
    storage = use(options=FAST)
    nowhere = RedisStorage(url=f"redis://{redis_servers.HOST}:{redis_servers.free_port()}")
    monkeypatch.setattr(storage, "sample", nowhere.sample)
    (finding,) = check().findings
    assert finding.name == "failure"
    assert "ConnectionError" in finding.problem
