"""Problems in a database's configuration and schema, on a connection that has them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from django_multisession.storage.db import diagnostics
from django_multisession.storage.db.dialects import NO_VACUUM, READ_ONLY, Dialect, dialect_of

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def found(connection):
    """``found(now=..., **attributes)``: the findings with a dialect that has these attributes."""

    def run(now=NOW, **attributes):
        facts = {"config_probes": (), "select_now": None, **attributes}
        dialect = type("Probing", (type(dialect_of(connection)),), facts)()
        return list(diagnostics.findings(connection, dialect, now))

    return run


def test_a_migrated_database_has_no_problem(found):
    assert found() == []


def test_only_the_probes_that_find_a_wrong_value_are_reported(found):
    probes = [("SELECT 1", bool, READ_ONLY), ("SELECT 0", bool, NO_VACUUM)]
    assert found(config_probes=probes) == [READ_ONLY]


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_differs_is_reported(found, connection, seconds):
    """Sessions would expire too late or too early. SQLite has no clock of its own."""
    select, now = dialect_of(connection).select_now, datetime.now(timezone.utc)
    assert found(now, select_now=select) == []
    names = [finding.name for finding in found(now + timedelta(seconds=seconds), select_now=select)]
    assert names == ["clock"] * (connection.vendor != "sqlite")


@pytest.mark.parametrize("model", diagnostics.MODELS)
def test_a_missing_table_is_reported_with_the_command_that_creates_it(found, connection, model):
    table = model._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(model, table, "renamed_table")
    try:
        (finding,) = found()
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(model, "renamed_table", table)
    assert finding.problem == f"The table {table!r} does not exist."
    assert finding.remedy.endswith(f"migrate django_multisession --database {connection.alias}")


def test_no_probe_is_written_without_a_remedy():
    probes = [probe for dialect in subclasses(Dialect) for probe in dialect.config_probes]
    assert len(probes) >= 4
    assert all(finding.problem and finding.remedy for _, _, finding in probes)


def subclasses(kind):
    return [each for child in kind.__subclasses__() for each in (child, *subclasses(child))]
