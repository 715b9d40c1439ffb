"""Faults of a database that `checksessions` finds; its remedies are carried out."""

from __future__ import annotations

import shlex

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import UniqueConstraint

from django_multisession.checks import check_server
from django_multisession.maintenance.integrity import check
from django_multisession.models import Session, SessionLease, SessionReference
from django_multisession.storage.base import Finding
from django_multisession.storage.db import DatabaseStorage
from django_multisession.storage.db.dialects import MariaDB, PostgreSQL, SQLite
from support.databases import require
from support.integrity_cases import found, opened, report
from support.terminals import run

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

ALIASES = ["default", "postgres", "mariadb"]
MODELS = [Session, SessionReference, SessionLease]
INDEXES = [
    (model, index) for model in MODELS for index in [*model._meta.indexes, *model._meta.constraints]
]


@pytest.fixture(params=ALIASES)
def database(request, databases, settings, monkeypatch):
    """The database of the configured engine. Restores what a test removed."""
    require(request.param)
    storage = DatabaseStorage(database=request.param)
    yield opened(storage, settings, monkeypatch)
    if any(finding.name == "schema" for finding in storage.diagnose()):
        make_all_there(connections[request.param])
        migrate(request.param, "zero")
        migrate(request.param)


@pytest.fixture
def postgres(databases, settings, monkeypatch):
    require("postgres")
    yield opened(DatabaseStorage(database="postgres"), settings, monkeypatch)
    connections["postgres"].close()  # and the settings of the session


def make_all_there(connection):
    """Create the missing tables, because unapplying the migrations deletes them."""
    there = connection.introspection.table_names()
    with connection.schema_editor() as editor:
        for model in MODELS:
            if model._meta.db_table not in there:
                editor.create_model(model)


def migrate(alias, *where):
    call_command("migrate", "django_multisession", *where, database=alias, verbosity=0)


def carry_out(finding, storage):
    """Run the command or the statement of a remedy."""
    assert finding.remedy.startswith("Run: ")
    words = finding.remedy.removeprefix("Run: ")
    if words.startswith("manage.py "):
        call_command(*shlex.split(words)[1:], verbosity=0)
    else:
        execute(storage, words)


def execute(storage, *statements):
    with connections[storage.database].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def without(storage, model, index):
    """Remove an index or a constraint. SQLite builds the table anew, from Meta."""
    kept = model._meta.constraints
    model._meta.constraints = [each for each in kept if each is not index]
    try:
        with connections[storage.database].schema_editor() as editor:
            is_unique = isinstance(index, UniqueConstraint)
            (editor.remove_constraint if is_unique else editor.remove_index)(model, index)
    finally:
        model._meta.constraints = kept


@pytest.mark.parametrize(("model", "index"), INDEXES, ids=[i.name for _, i in INDEXES])
def test_an_index_that_is_missing_is_made_by_the_remedy(database, model, index):
    without(database, model, index)
    _, (finding,) = report(database)
    assert (finding.name, index.name in finding.problem) == ("schema", True)
    carry_out(finding, database)
    assert found(database) == []
    is_unique = isinstance(index, UniqueConstraint)
    assert ("UNIQUE" in finding.remedy) is is_unique


def test_two_that_are_missing_are_found_at_once(database):
    for index in Session._meta.indexes:
        without(database, Session, index)
    _, findings = report(database)
    assert [finding.name for finding in findings] == ["schema"] * 2
    for finding in findings:
        carry_out(finding, database)
    assert found(database) == []


def test_no_tables(database):
    migrate(database.database, "zero")
    _, (*missing, failure) = report(database)
    assert [finding.name for finding in missing] == ["schema"] * 3
    assert (failure.name, failure.problem[:12]) == ("failure", "Insert fails")
    carry_out(missing[0], database)
    assert found(database) == []


def test_no_table_of_leases(database):
    with connections[database.database].schema_editor() as editor:
        editor.delete_model(SessionLease)
    _, (missing, failure) = report(database)
    assert SessionLease._meta.db_table in missing.problem
    assert failure.problem.startswith("Acquire lease fails")
    assert Session.objects.using(database.database).count() == 0


def test_a_column_that_is_missing(database):
    field = Session._meta.get_field("label")
    with connections[database.database].schema_editor() as editor:
        editor.remove_field(Session, field)
    _, (missing, failure) = report(database)
    assert missing.problem == "The table 'django_multisession_session' lacks columns: label."
    assert missing.remedy.endswith(f"--database {database.database}")
    assert failure.name == "failure"
    with connections[database.database].schema_editor() as editor:
        editor.add_field(Session, field)
    assert found(database) == []


def test_the_check_is_silent_about_what_migrate_is_about_to_make(database):
    migrate(database.database, "zero")
    assert {message.id for message in check_server(["default"])} <= {"multisession.W026"}
    migrate(database.database)


# A read-only PostgreSQL


def test_read_only_transactions(postgres):
    execute(postgres, "SET default_transaction_read_only = on")
    _, (finding,) = report(postgres)
    assert finding.name == "failure"
    assert "read-only transaction" in finding.problem
    assert found(DatabaseStorage(database="postgres")) == ["failure"]
    execute(postgres, "SET default_transaction_read_only = off")
    assert found(postgres) == []


def test_a_role_that_may_only_read(postgres):
    role = "multisession_doctor_reader"
    tables = "ALL TABLES IN SCHEMA public"
    execute(postgres, f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role}")
    try:
        execute(postgres, f"GRANT SELECT ON {tables} TO {role}", f"SET ROLE {role}")
        _, (finding,) = report(postgres)
        assert "permission denied" in finding.problem
        execute(postgres, "RESET ROLE")
        assert found(postgres) == []
    finally:
        execute(postgres, "RESET ROLE", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


# Statement, and answers that are wrong

ANSWERS = [
    (PostgreSQL, "pg_is_in_recovery", [False], [True]),
    (PostgreSQL, "autovacuum", ["on"], ["off"]),
    (MariaDB, "read_only", [0], [1]),
    (SQLite, "journal_mode", ["wal", "memory", "off"], ["delete", "truncate", "persist"]),
]


@pytest.mark.parametrize(("dialect", "word", "right", "wrong"), ANSWERS)
def test_the_answers_of_servers(dialect, word, right, wrong):
    ((_, is_wrong, finding),) = [look for look in dialect.config_probes if word in look[0]]
    assert [bool(is_wrong(answer)) for answer in [*right, *wrong]] == (
        [False] * len(right) + [True] * len(wrong)
    )
    assert isinstance(finding, Finding)


@pytest.mark.parametrize("dialect", [PostgreSQL, MariaDB, SQLite])
def test_every_question_is_among_them(dialect):
    asked = [word for each, word, *_ in ANSWERS if each is dialect]
    assert len(asked) == len(dialect.config_probes)


@pytest.fixture
def other(databases, monkeypatch, settings):
    """``other(entry)``: the alias of a database with these settings."""

    def make(entry):
        monkeypatch.setitem(settings.DATABASES, "other", entry)
        connections.__dict__.pop("settings", None)
        return connections["other"].alias

    yield make
    connections["other"].close()
    del connections["other"]
    connections.__dict__.pop("settings", None)


def test_the_journal_of_sqlite(other, settings, monkeypatch, tmp_path):
    """The remedy is an option in DATABASES."""
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    storage = opened(DatabaseStorage(database=other(entry)), settings, monkeypatch)
    migrate("other")
    _, (finding,) = report(storage)
    assert finding.name == "journal"
    assert check_server(["default"]) == []  # it matters to few projects
    options = {"init_command": "PRAGMA journal_mode=WAL"}
    assert str(options).replace("'", '"') in finding.remedy
    connections["other"].close()
    connections["other"].settings_dict["OPTIONS"] = options
    assert found(storage) == []
    assert run("checksessions").status == 0


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_the_clock_is_right_whatever_the_time_zone(database, settings, use_tz, zone):
    """A server's answer may lack the time zone."""
    connection = connections[database.database]
    try:
        for settings.USE_TZ, settings.TIME_ZONE in [(use_tz, zone), (True, "Europe/Berlin")]:
            for name in ("timezone", "timezone_name"):
                connection.__dict__.pop(name, None)
            connection.close()
            assert [each for each in check().findings if each.name == "clock"] == []
    finally:
        settings.USE_TZ = True
        connection.close()
        # With another time zone the session would expire at another time.
        SessionLease.objects.using(database.database).all().delete()
