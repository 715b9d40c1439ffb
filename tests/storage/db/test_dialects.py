"""The dialects: which server has which, and what their SQL fragments do on the server."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from django_multisession.storage.db.dialects import (
    MariaDB,
    MySQL,
    PostgreSQL,
    SQLite,
    dialect_of,
)
from django_multisession.storage.db.encoding import to_patches


def fake_connection(vendor, **attributes):
    return SimpleNamespace(alias="default", vendor=vendor, display_name=vendor, **attributes)


@pytest.mark.parametrize(
    ("connection", "dialect"),
    [
        (fake_connection("postgresql"), PostgreSQL),
        (fake_connection("mysql", mysql_is_mariadb=True), MariaDB),
        (fake_connection("mysql", mysql_is_mariadb=False), MySQL),
        (
            fake_connection("sqlite", Database=SimpleNamespace(sqlite_version_info=(3, 35, 0))),
            SQLite,
        ),
    ],
    ids=["postgresql", "mariadb", "mysql", "sqlite"],
)
def test_every_supported_server_has_a_dialect(connection, dialect):
    assert type(dialect_of(connection)) is dialect


def test_an_sqlite_that_is_too_old(databases, monkeypatch):
    monkeypatch.setattr("sqlite3.dbapi2.sqlite_version_info", (3, 34, 1))
    with pytest.raises(ImproperlyConfigured, match=r"SQLite 3\.35"):
        dialect_of(connections["default"])


def test_a_database_it_does_not_speak():
    with pytest.raises(ImproperlyConfigured, match="MULTISESSION_DATABASE"):
        dialect_of(fake_connection("oracle"))


# On the servers. {column} is a JSON object.


@pytest.fixture
def value_of(connection):
    """``value_of(sql, ...)``: the value of an expression in which ``{column}`` is a JSON object."""

    def run(expression, column, *parameters):
        quoted = f"'{json.dumps(column)}'"
        if connection.vendor == "postgresql":
            quoted += "::jsonb"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {expression.replace('{column}', quoted)}", parameters)
            (value,) = cursor.fetchone()
        return json.loads(value) if isinstance(value, (str, bytes)) else value

    return run


@pytest.fixture
def dialect(connection):
    return dialect_of(connection)


@pytest.mark.parametrize(
    ("patch", "merged"),
    [
        ({"c": "3"}, {"a": "1", "b": "2", "c": "3"}),
        ({"a": "9"}, {"a": "9", "b": "2"}),
        ({"a": None}, {"b": "2"}),
        ({"absent": None}, {"a": "1", "b": "2"}),
        ({"a": '{"b": null}'}, {"a": '{"b": null}', "b": "2"}),
    ],
)
def test_a_merge_sets_and_removes_names(dialect, value_of, patch, merged):
    sql = dialect.merge("{column}")
    assert value_of(sql, {"a": "1", "b": "2"}, json.dumps(patch)) == merged


def test_patches_set_and_remove_names_together(dialect, value_of):
    """MariaDB merges such a patch wrongly, so it is sent as several; see `to_patches`."""
    column, names = {"a": "1", "c": "1"}, {"c": "2", "a": None}
    for patch in to_patches(names, dialect.merges_removals):
        column = value_of(dialect.merge("{column}"), column, patch)
    assert column == {"c": "2"}


@pytest.mark.parametrize(
    ("part", "is_included"),
    [({"a": "1"}, True), ({"a": "1", "b": "2"}, True), ({"a": "2"}, False), ({"c": "1"}, False)],
)
def test_a_column_includes_an_object_if_name_and_value_agree(dialect, value_of, part, is_included):
    sql = dialect.includes("{column}")
    assert bool(value_of(sql, {"a": "1", "b": "2"}, json.dumps(part))) is is_included


def test_names_are_picked_on_the_server_where_it_can(dialect, value_of):
    sql = dialect.pick("{column}")
    if sql is None:
        assert isinstance(dialect, MariaDB)
        return
    column = {"a": "1", "b": "2", "c": "3"}
    assert value_of(sql, column, json.dumps(["a", "c", "absent"])) == {"a": "1", "c": "3"}
    assert value_of(sql, column, json.dumps([])) == {}
