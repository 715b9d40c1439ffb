"""The SQL statements: they are built once, use their indexes, and contain no values."""

from __future__ import annotations

import pytest
from django.db import connections

from django_multisession.storage.db.connection import Connection
from django_multisession.storage.db.dialects import PostgreSQL, SQLite
from django_multisession.storage.db.statements import Statements

A = "A" * 43


@pytest.fixture
def sqlite():
    return Statements(connections["default"])


def test_an_update_is_built_once(sqlite):
    change = (("label",), (("data", 1),))
    assert sqlite.updates[change] is sqlite.updates[change]
    assert sqlite.updates[change] is not sqlite.updates[("label",), (("data", 2),)]


def test_an_update_of_live_sessions_only(sqlite):
    """Otherwise it would bring back a session that has expired."""
    for change in [(("label",), ()), ((), (("data", 1),)), ((), ())]:
        assert sqlite.updates[change].endswith(" WHERE handle = %s AND expires_at > %s")


def test_an_update_without_columns_still_finds_out_whether_the_session_is_live(sqlite):
    assert " SET label = label WHERE " in sqlite.updates[(), ()]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_merge_patch_is_applied_to_the_result_of_the_one_before(sqlite, number):
    sql = sqlite.updates[(), (("data", number),)]
    assert f"data = {'json_patch(' * number}data{', %s)' * number} WHERE" in sql


def test_an_insertion_has_a_parameter_for_every_column(sqlite):
    sql = sqlite.insert("sessions", ["handle", "data"])
    assert sql == "INSERT INTO sessions (handle, data) VALUES (%s, %s) ON CONFLICT DO NOTHING"


def test_a_user_is_found_by_the_sessions_row_alone(sqlite):
    assert sqlite.has_reference("user") == "user_ref = %s"


def test_another_reference_is_verified_by_the_sessions_row(sqlite):
    """The index may have entries that the session contradicts."""
    condition = sqlite.has_reference("org")
    assert f"FROM {sqlite.references} WHERE name = %s AND value = %s" in condition
    assert condition.endswith(f" AND {SQLite().includes('more_references')}")


@pytest.mark.parametrize("id", ["1) OR (1=1", None, "x"])
def test_only_numbers_are_written_into_a_statement(sqlite, id):
    with pytest.raises((ValueError, TypeError)):
        sqlite.delete_ids("sessions", "id", [id])


def test_rows_are_deleted_by_the_numbers_of_their_column(sqlite):
    expected = "DELETE FROM entries WHERE session_id IN (1, 22)"
    assert sqlite.delete_ids("entries", "session_id", [1, 22]) == expected


def test_postgresql_purges_by_the_physical_position(sqlite):
    target = PostgreSQL.delete_target
    sql = sqlite.delete_selected("purge_at <= %s", "purge_at", "", ["id"], target)
    assert " WHERE ctid = ANY(ARRAY(SELECT ctid FROM " in sql
    assert sql.endswith(" ORDER BY purge_at LIMIT %s)) RETURNING id")


def test_the_lookups_use_their_indexes_on_postgresql(postgres, clock):
    statements = Statements(connections["postgres"])
    now = Connection(connections["postgres"], statements).to_db_time(clock.now)
    select = f"SELECT id FROM {statements.sessions} WHERE"
    queries = [
        ("multisession_handle", f"{select} handle = %s", [A]),
        ("multisession_user", f"{select} user_ref = %s", ["1"]),
        ("multisession_purge", f"{select} purge_at <= %s", [now]),
        ("multisession_purge", statements.count_expired, [now]),
        ("multisession_lease", statements.renew_lease, ["ann", now, A, "ann", now]),
        ("multisession_lease_end", statements.delete_expired_leases, [now]),
    ]
    with connections["postgres"].cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        for index, query, parameters in queries:
            cursor.execute(f"EXPLAIN {query}", parameters)
            assert f"{index} " in str(cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
