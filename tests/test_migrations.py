import re
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from django_multisession import migrations
from django_multisession.models import Session, SessionLease, SessionReference
from support.databases import require

NAMES = [path.stem for path in Path(migrations.__file__).parent.glob("[!_]*.py")]


def test_the_migrations_make_the_models(monkeypatch, capsys):
    monkeypatch.setattr(MigrationLoader, "check_consistent_history", lambda *args: None)
    call_command(
        "makemigrations", "django_multisession", check=True, dry_run=True, interactive=False
    )
    assert "No changes detected" in capsys.readouterr().out


def test_there_are_migrations():
    assert "0001_initial" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_migration_has_a_number_and_a_name_of_its_own(name):
    assert re.fullmatch(r"\d{4}_[a-z][a-z0-9_]+", name)
    assert "_auto_" not in name
    assert [other[:4] for other in NAMES].count(name[:4]) == 1


@pytest.mark.parametrize(
    ("model", "table"),
    [
        (Session, "django_multisession_session"),
        (SessionReference, "django_multisession_sessionreference"),
        (SessionLease, "django_multisession_sessionlease"),
    ],
)
def test_tables(model, table):
    assert model._meta.db_table == table


@pytest.mark.parametrize("alias", ["default", "postgres", "mariadb"])
def test_the_tables_go_and_come_back(databases, alias):
    require(alias)
    call_command("migrate", "django_multisession", "zero", database=alias, verbosity=0)
    assert not tables(alias)
    call_command("migrate", database=alias, verbosity=0)
    models = (Session, SessionReference, SessionLease)
    assert tables(alias) == {model._meta.db_table for model in models}
    if alias == "postgres":
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT reloptions FROM pg_class WHERE relname = %s", TABLE)
            assert cursor.fetchone() == (["fillfactor=90"],)


TABLE = [Session._meta.db_table]


def tables(alias):
    names = connections[alias].introspection.table_names()
    return {name for name in names if name.startswith("django_multisession_")}
