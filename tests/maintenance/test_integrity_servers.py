"""`checksessions` on database servers that the tests start and configure."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.db import connections

from django_multisession.maintenance.integrity import check
from django_multisession.storage.db import DatabaseStorage
from support import servers
from support.integrity_cases import opened
from support.servers import Instance, MariaDB, Postgres

pytestmark = pytest.mark.thorough  # they take seconds to start


@pytest.fixture(scope="module")
def instances():
    """A server of each kind, started when it is first used."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = Instance(kind())
            try:
                made[kind].start()
            except FileNotFoundError:
                made.pop(kind).remove()
                servers.missing(kind.alias)
        return made[kind]

    yield of
    for each in made.values():
        each.remove()


@pytest.fixture(params=[Postgres, MariaDB], ids=["postgres", "mariadb"])
def instance(request, instances):
    return instances(request.param)


@pytest.fixture
def storage(instance, django_db_blocker, settings, monkeypatch):
    """The configured engine, in the database that every server has."""
    name = "postgres" if instance.server.alias == "postgres" else "mysql"
    monkeypatch.setitem(settings.DATABASES, "own", {**instance.entry, "NAME": name})
    connections.__dict__.pop("settings", None)
    with django_db_blocker.unblock():
        call_command("migrate", "django_multisession", database="own", verbosity=0)
        yield opened(DatabaseStorage(database="own"), settings, monkeypatch)
        connections["own"].close()
    del connections["own"]
    connections.__dict__.pop("settings", None)


def execute(*statements):
    with connections["own"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def found():
    return [finding.name for finding in check().findings]


def test_as_they_come_nothing_is_wrong_with_them(storage):
    assert found() == []


@pytest.mark.parametrize("instance", [Postgres], indirect=True)
def test_autovacuum(storage):
    execute("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
    servers.wait_until(lambda: found() == ["vacuum"], "the finding")
    (finding,) = check().findings
    remedy = re.fullmatch(r"Set (.*)\.", finding.remedy)[1]
    execute(f"ALTER SYSTEM SET {remedy}", "SELECT pg_reload_conf()")
    servers.wait_until(lambda: found() == [], "the remedy")


@pytest.mark.parametrize("instance", [MariaDB], indirect=True)
def test_a_server_that_can_only_be_read(storage):
    """Its administrator may write, so no other problem is found."""
    execute("SET GLOBAL read_only = 1")
    (finding,) = check().findings
    assert (finding.name, "primary" in finding.remedy) == ("readonly", True)
    execute("SET GLOBAL read_only = 0")
    assert found() == []


@pytest.mark.parametrize("instance", [Postgres], indirect=True)
def test_a_database_that_can_only_be_read(storage):
    execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    connections["own"].close()
    (finding,) = check().findings
    assert "read-only transaction" in finding.problem
    execute(
        "SET default_transaction_read_only = off",
        "ALTER DATABASE postgres RESET default_transaction_read_only",
    )
    connections["own"].close()
    assert found() == []


def test_a_server_that_is_down(instance, storage):
    assert found() == []
    instance.kill()
    try:
        findings = [finding for _ in range(2) for finding in check().findings]
    finally:
        instance.start()
    for finding in findings:
        assert finding.name == "failure"
        assert re.match(r"Querying the server fails: (Operational|Interface)Error", finding.problem)
        assert "Start the server" in finding.remedy
    assert len(findings) == 2
    connections["own"].close()
    assert found() == []
