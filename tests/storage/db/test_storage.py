"""The SQL storage alone: statements, indexes, times, routers and transactions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from django_multisession.core import keys
from django_multisession.core.record import Change
from django_multisession.models import Session, SessionLease, SessionReference
from django_multisession.storage.db import DatabaseStorage
from support.project import store_on
from support.subjects import make_record

A, B = "A" * 43, "B" * 43


class TestStatements:
    """A verb costs one statement and no transaction."""

    def test_load_save_touch_rotate(self, database_storage, clock, statements):
        holder = store_on(database_storage)()
        holder.update({"_auth_user_id": "1", "cart": [1]})
        assert statements(holder.save) == ["INSERT"]
        key = holder.session_key
        holder = store_on(database_storage)(key)
        assert statements(lambda: holder["cart"]) == ["SELECT"]
        holder["cart"] = [2]
        assert statements(holder.save) == ["UPDATE"]
        assert statements(holder.save) == []
        assert statements(holder.touch) == ["UPDATE"]
        holder["_auth_user_id"] = "2"
        assert statements(holder.save) == ["UPDATE"]
        assert statements(holder.cycle_key) == ["UPDATE"]
        assert statements(lambda: holder.exists(key)) == ["SELECT"]
        assert statements(lambda: store_on(database_storage)(key).get_fields("cart")) == ["SELECT"]

    def test_login(self, database_storage, statements):
        holder = store_on(database_storage)()

        def login():
            holder["cart"] = [1]
            holder.cycle_key()
            holder["_auth_user_id"] = "1"
            holder.save()

        assert statements(login) == ["INSERT"]

    def test_logout(self, database_storage, connection, statements):
        holder = store_on(database_storage)()
        holder.save()
        logout = store_on(database_storage)(holder.session_key).flush
        one = database_storage.statements[database_storage.database].dialect.returns_deleted
        assert [s for s in statements(logout) if s not in ("BEGIN", "COMMIT", "SET")] == (
            ["DELETE"] if one else ["SELECT", "DELETE"]
        )

    def test_listing_and_counting(self, database_storage, clock, statements):
        database_storage.insert(A, make_record(clock, references={"user": "1"}))
        assert statements(database_storage.count) == ["SELECT"]
        assert statements(database_storage.page) == ["SELECT"]
        assert statements(lambda: list(database_storage.find("user", "1"))) == ["SELECT"]

    def test_a_further_reference_costs_a_transaction_only_when_it_changes(
        self, database_storage, clock, statements
    ):
        database_storage.insert(A, make_record(clock, references={"org": "1"}))
        assert statements(lambda: database_storage.update(A, Change(set={"a": b"1"}))) == ["UPDATE"]
        sent = statements(lambda: database_storage.update(A, Change(references={"org": "2"})))
        assert [s for s in sent if s in ("SELECT", "UPDATE", "DELETE", "INSERT")] == [
            "UPDATE",
            "DELETE",
            "INSERT",
        ]

    def test_what_is_over_is_counted_by_the_index_only(self, database_storage, connection, clock):
        database_storage.insert(A, make_record(clock))
        with CaptureQueriesContext(connection) as captured:
            database_storage.count(expired_only=True)
        (query,) = captured
        assert query["sql"].split("WHERE")[1].split()[:2] == ["purge_at", "<="]

    def test_a_new_lease_is_two_and_any_other_is_one(self, database_storage, clock, statements):
        name, soon = keys.new_handle(), clock.now + timedelta(minutes=1)
        assert statements(lambda: database_storage.acquire_lease(name, "ann", soon)) == [
            "UPDATE",
            "INSERT",
        ]
        assert statements(lambda: database_storage.acquire_lease(name, "ann", soon)) == ["UPDATE"]
        assert statements(lambda: database_storage.acquire_lease(name, "ann", clock.now)) == [
            "UPDATE"
        ]
        assert statements(lambda: database_storage.acquire_lease(name, "bob", soon)) == ["UPDATE"]
        refused = statements(lambda: database_storage.acquire_lease(name, "ann", soon))
        assert (
            len(refused) == 3
        )  # update, insert, and update again in case another thread inserted it

    @pytest.mark.parametrize("number", [0, 1, 300])
    def test_to_ask_for_leases_is_one(self, database_storage, statements, number):
        names = [keys.new_handle() for _ in range(number)]
        assert statements(lambda: database_storage.active_leases(names)) == ["SELECT"] * bool(
            number
        )

    @pytest.mark.parametrize("on_deleted", [None, lambda entries: None])
    def test_the_last_purge_of_a_run_goes_over_references_and_leases_too(
        self, database_storage, clock, statements, on_deleted
    ):
        def purge():
            database_storage.purge(2, on_deleted)

        for number in range(3):
            database_storage.insert(f"{number:043}", make_record(clock, expires_at=clock.now))
        clock.advance(hours=2)
        in_one = database_storage.statements[database_storage.database].dialect.deletes_selected
        batch = ["DELETE"] if in_one else ["SELECT", "DELETE"]
        again = batch[:1]  # from the beginning, for rows that were skipped
        housekeeping = ["DELETE", "DELETE"]
        for expected in (batch, batch + again + housekeeping, again + housekeeping):
            sent = [s for s in statements(purge) if s in ("SELECT", "DELETE")]
            assert sent == expected

    def test_no_payload_is_read_but_by_read(self, database_storage, connection, clock):
        database_storage.insert(A, make_record(clock, references={"user": "1"}))
        with CaptureQueriesContext(connection) as captured:
            database_storage.page()
            list(database_storage.find("user", "1"))
            database_storage.count()
            database_storage.count(expired_only=True)
            database_storage.delete(A)
            database_storage.insert(B, make_record(clock, expires_at=clock.now))
            clock.advance(hours=2)
            assert database_storage.purge(on_deleted=list) == 1
        selected = (query["sql"] for query in captured if query["sql"].split()[0] != "INSERT")
        assert not [sql for sql in selected if " data" in sql]


class TestTable:
    def test_the_orm_reads_what_was_stored(self, database_storage, clock):
        record = make_record(
            clock, fields={"a": b"[1]"}, references={"user": "1", "org": "7"}, ip="::1", label="x"
        )
        database_storage.insert(A, record)
        row = Session.objects.using(database_storage.database).get()
        assert (row.handle, row.data, row.user_ref, row.ip) == (A, {"a": "[1]"}, "1", "::1")
        assert (row.expires_at, row.created_at) == (record.expires_at, record.created_at)
        assert timedelta(0) <= row.purge_at - row.expires_at < timedelta(hours=1)
        assert str(row) == A

    def test_the_orm_reads_a_lease(self, database_storage, clock):
        name, soon = keys.new_handle(), clock.now + timedelta(minutes=1)
        database_storage.acquire_lease(name, "ann", soon)
        row = SessionLease.objects.using(database_storage.database).get(name=name)
        assert (row.owner, row.expires_at, str(row)) == ("ann", soon, name)

    def test_leases_with_and_without_use_tz(self, database_storage, clock, use_tz):
        clock.now = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
        name, soon = keys.new_handle(), clock.now + timedelta(minutes=1)
        assert database_storage.acquire_lease(name, "ann", soon) is True
        assert database_storage.acquire_lease(name, "bob", soon) is False
        assert database_storage.active_leases([name]) == {name: soon}
        clock.now = soon
        assert database_storage.active_leases([name]) == {}

    def test_a_row_deleted_through_the_orm_is_an_ended_session(self, database_storage, clock):
        database_storage.insert(A, make_record(clock, references={"user": "1", "org": "7"}))
        Session.objects.using(database_storage.database).filter(user_ref="1").delete()
        assert database_storage.read(A) is None
        assert not SessionReference.objects.using(database_storage.database).exists()

    def test_the_index_of_further_references_is_dropped_with_the_session(
        self, database_storage, clock
    ):
        entries = SessionReference.objects.using(database_storage.database)
        for number, end in enumerate([clock.now, clock.now, clock.now + timedelta(days=1)]):
            references = {"org": "7", "team": "x"}
            record = make_record(clock, references=references, expires_at=end)
            database_storage.insert(f"{number:043}", record)
        assert entries.count() == 6
        clock.advance(hours=2)
        database_storage.purge()
        assert entries.count() == 2
        list(database_storage.delete_matching("org", "7"))
        assert entries.count() == 0

    @pytest.mark.parametrize(
        ("data", "fields"),
        [([1], {}), ("text", {}), (7, {}), ({"a": "1", "b": {"x": 1}, "c": None}, {"a": 1})],
        ids=str,
    )
    def test_what_another_hand_wrote_reads_as_absent(
        self, database_storage, clock, caplog, data, fields
    ):
        store = store_on(database_storage)
        holder = store()
        holder.save()
        Session.objects.using(database_storage.database).update(data=data)
        again = store(holder.session_key)
        assert dict(again.items()) == fields
        assert holder.handle in caplog.text
        assert database_storage.page()[0][0][0] == holder.handle
        again.flush()
        assert database_storage.count() == 0

    def test_a_purge_drops_entries_whose_session_is_gone(self, database_storage, clock):
        database_storage.insert(A, make_record(clock, references={"org": "7"}))
        database_storage.insert(B, make_record(clock, references={"org": "7", "team": "x"}))
        sessions = Session.objects.using(database_storage.database)
        sessions.filter(handle=B)._raw_delete(database_storage.database)
        assert database_storage.purge() == 0
        entries = SessionReference.objects.using(database_storage.database)
        assert [entry.session.handle for entry in entries] == [A]

    def test_an_entry_that_the_row_contradicts_finds_nothing(self, database_storage, clock):
        database_storage.insert(A, make_record(clock, references={"org": "7"}))
        entries = SessionReference.objects.using(database_storage.database)
        entries.update(value="8")
        assert list(database_storage.find("org", "8")) == []
        assert list(database_storage.delete_matching("org", "8")) == []
        assert database_storage.read(A) is not None

    def test_times_with_and_without_use_tz(self, database_storage, clock, use_tz):
        clock.now = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=timezone.utc)
        record = make_record(clock)
        database_storage.insert(A, record)
        assert database_storage.read(A) == record
        assert database_storage.count() == 1
        clock.now = record.expires_at
        assert database_storage.count() == 0
        row = Session.objects.using(database_storage.database).get()
        assert row.expires_at.astimezone(timezone.utc) == record.expires_at


class TestIntegration:
    def test_a_save_within_a_transaction_is_rolled_back_with_it(self, database_storage, connection):
        holder = store_on(database_storage)()
        with transaction.atomic(using=connection.alias):
            holder.save()
            transaction.set_rollback(True, using=connection.alias)
        assert not holder.exists(holder.session_key)

    def test_a_taken_id_leaves_the_transaction_usable(self, database_storage, connection, clock):
        database_storage.insert(A, make_record(clock))
        with transaction.atomic(using=connection.alias):
            assert database_storage.insert(A, make_record(clock)) is False
            assert database_storage.insert(B, make_record(clock)) is True
        assert database_storage.count() == 2

    def test_a_lease_that_another_has_leaves_the_transaction_usable(
        self, database_storage, connection, clock
    ):
        name, soon = keys.new_handle(), clock.now + timedelta(minutes=1)
        database_storage.acquire_lease(name, "ann", soon)
        with transaction.atomic(using=connection.alias):
            assert database_storage.acquire_lease(name, "bob", soon) is False
            assert database_storage.insert(A, make_record(clock)) is True
        assert database_storage.count() == 1

    def test_a_lease_is_rolled_back_with_its_transaction(self, database_storage, connection, clock):
        name, soon = keys.new_handle(), clock.now + timedelta(minutes=1)
        with transaction.atomic(using=connection.alias):
            assert database_storage.acquire_lease(name, "ann", soon) is True
            assert database_storage.active_leases([name]) == {name: soon}
            transaction.set_rollback(True, using=connection.alias)
        assert database_storage.active_leases([name]) == {}

    def test_an_error_is_the_databases_own(self, database_storage, connection, clock):
        with connection.schema_editor() as editor:
            editor.alter_db_table(Session, Session._meta.db_table, "elsewhere")
        try:
            for call in (
                lambda: database_storage.read(A),
                lambda: database_storage.insert(A, make_record(clock)),
                lambda: database_storage.update(A, Change(label="x")),
                lambda: database_storage.delete(A),
                store_on(database_storage)("a" * 32).load,
                store_on(database_storage)("a" * 32).flush,
            ):
                with pytest.raises(DatabaseError):
                    call()
        finally:
            with connection.schema_editor() as editor:
                editor.alter_db_table(Session, "elsewhere", Session._meta.db_table)

    def test_the_routers_are_asked(self, databases, clock, settings):
        settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
        Router.asked.clear()
        storage = DatabaseStorage(clock=clock)
        storage.insert(A, make_record(clock))
        assert storage.read(A) is not None
        storage.clear()
        assert Router.asked == ["write", "read", "write"]

    def test_leases_are_asked_of_where_they_are_written(self, databases, clock, settings):
        """A replica lags, so a session that was just ended could come back."""
        settings.DATABASE_ROUTERS = [f"{__name__}.Router"]
        Router.asked.clear()
        storage = DatabaseStorage(clock=clock)
        storage.acquire_lease(A, "ann", clock.now)
        storage.active_leases([A])
        assert Router.asked == ["write", "write"]


class Router:
    asked: list[str] = []

    def db_for_read(self, model, **hints):
        self.asked.append("read")
        return "default"

    def db_for_write(self, model, **hints):
        self.asked.append("write")
        return "default"


def test_touches_stay_heap_only_on_postgresql(postgres, clock):
    clock.now = clock.now.replace(minute=0, second=0, microsecond=0) + timedelta(minutes=1)
    many = [f"{number:043}" for number in range(300)]
    for id in many:
        postgres.insert(id, make_record(clock, fields={"a": b'"x"'}, references={"user": "1"}))
    before = _tuples()
    for _ in range(3):
        clock.advance(minutes=1)
        change = Change(last_seen_at=clock.now, expires_at=clock.now + timedelta(days=14))
        for id in many:
            assert postgres.update(id, change)
    updated, hot = (now - then for now, then in zip(_tuples(), before, strict=True))
    assert updated == 900
    # All of them, unless the server's own ANALYZE keeps old row versions alive in the meantime.
    # None with an index on a column that a touch writes.
    assert hot >= 0.5 * updated


def _tuples():
    """Return the numbers of updated rows and of those that were updated without an index."""
    with connections["postgres"].cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = %s",
            [Session._meta.db_table],
        )
        return cursor.fetchone()
