"""`checksessions` without problems: its report, and that it leaves nothing behind."""

from __future__ import annotations

import pytest

from django_multisession import sessions, signals
from django_multisession.maintenance.integrity import SELF_TESTS, check
from django_multisession.models import Session, SessionLease, SessionReference
from django_multisession.storage.redis import RedisStorage
from support import redis_servers, servers
from support.integrity_cases import VERBS, Watched, found, opened, report
from support.project import hearing
from support.redis_servers import FINE


@pytest.fixture
def engine(storage, settings, monkeypatch):
    return opened(storage, settings, monkeypatch)


@pytest.fixture
def database(database_storage, settings, monkeypatch):
    return opened(database_storage, settings, monkeypatch)


def test_nothing_is_found_and_nothing_is_left_behind(engine, monkeypatch):
    watched = Watched(engine, monkeypatch)
    with hearing(signals.session_created) as created, hearing(signals.session_ended) as ended:
        result, findings = report(engine)
    assert findings == []
    assert list(result.timings) == VERBS
    assert all(0 <= seconds < 30 for seconds in result.timings.values())
    assert (result.looked_at, result.about, result.repaired) == (0, 0, 0)
    assert (created, ended) == ([], [])
    assert len(watched.ids) == 2 * SELF_TESTS
    assert {name for name, _ in watched.references} == {"user", "org"}
    assert watched.left() == {}
    assert engine.page() == ([], None)


def test_sessions_that_are_well(engine):
    handles = {sessions.create(data={"_auth_user_id": "1", "org_id": n}).handle for n in range(3)}
    before = {handle: engine.read(handle) for handle in handles}
    for options in ({}, {"full": True}, {"repair": True}, {"full": True, "repair": True}):
        result, findings = report(engine, **options)
        assert (findings, result.looked_at, result.about, result.repaired) == ([], 3, 3, 0)
    assert {handle: engine.read(handle) for handle in handles} == before


def test_in_the_tables_of_a_database_no_row_is_left_after_a_purge(database):
    """A released lease stays a row until the purge."""
    assert found(database) == []
    for model in (Session, SessionReference):
        assert model.objects.using(database.database).count() == 0
    database.purge()
    assert SessionLease.objects.using(database.database).count() == 0


@pytest.mark.parametrize(
    "server",
    [redis_servers.ALONE, pytest.param(redis_servers.CLUSTER, marks=pytest.mark.thorough)],
    ids=["alone", "cluster"],
)
def test_on_a_redis_server_no_key_is_left(server, settings, monkeypatch):
    """On a cluster the keys that note a rename stay for a minute."""
    storage = RedisStorage(url=server.url, prefix="healthy")
    opened(storage, settings, monkeypatch)
    assert found(storage) == []
    for node in server.server.nodes:
        for key in node.client.scan_iter("healthy:*"):
            assert key.endswith(":")
            assert 0 < node.client.ttl(key) <= 60


def test_a_redis_server_that_is_as_it_should_be(settings, monkeypatch):
    options = [word for name, value in FINE.items() for word in (f"--{name}", value)]
    with servers.running(redis_servers.Node(*options)) as node:
        opened(RedisStorage(url=node.url), settings, monkeypatch)
        assert check().findings == []


@pytest.mark.parametrize("references", [{}, {"user": "_auth_user_id"}])
def test_whatever_references_there_are(memory_storage, settings, monkeypatch, references):
    opened(memory_storage, settings, monkeypatch)
    settings.MULTISESSION_REFERENCES = references
    assert check().findings == []
