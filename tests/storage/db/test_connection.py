"""Statements on a connection: repetition after a deadlock, and what is taken for one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import IntegrityError, OperationalError, transaction

from django_multisession.storage.db import connection as connections
from django_multisession.storage.db.connection import RETRIES, Connection
from django_multisession.storage.db.dialects import MariaDB
from support.subjects import make_record

DEADLOCK, LOCK_TIMEOUT = 1213, 1205
A = "A" * 43


@pytest.fixture
def pauses(monkeypatch):
    """The upper bounds of the pauses, in seconds. Nothing waits."""
    bounds = []
    monkeypatch.setattr(connections.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(connections, "uniform", lambda low, high: bounds.append(high))
    return bounds


@pytest.fixture
def mariadb(pauses):
    """A connection to MariaDB that sends nothing."""
    statements = SimpleNamespace(dialect=MariaDB())
    return Connection(SimpleNamespace(in_atomic_block=False), statements)


def failing(times, error):
    """Return a function that raises the error so many times before it returns "written"."""
    errors = [error] * times

    def write():
        if errors:
            raise errors.pop()
        return "written"

    return write


@pytest.mark.parametrize("times", [0, 1, RETRIES])
def test_a_deadlock_is_repeated_after_growing_pauses(mariadb, pauses, times):
    assert mariadb.write(failing(times, OperationalError(DEADLOCK, "deadlock"))) == "written"
    assert pauses == [connections.PAUSE * 2**attempt for attempt in range(times)]


def test_after_too_many_deadlocks_the_error_is_raised(mariadb):
    with pytest.raises(OperationalError, match="deadlock"):
        mariadb.write(failing(RETRIES + 1, OperationalError(DEADLOCK, "deadlock")))


def test_within_the_callers_transaction_nothing_is_repeated(mariadb, pauses):
    """The server has rolled back the whole transaction, of which this knows only a part."""
    mariadb.django_connection.in_atomic_block = True
    with pytest.raises(OperationalError, match="deadlock"):
        mariadb.write(failing(1, OperationalError(DEADLOCK, "deadlock")))
    assert pauses == []


@pytest.mark.parametrize(
    "error", [OperationalError(LOCK_TIMEOUT, "lock"), IntegrityError(1062, "duplicate")]
)
def test_other_errors_are_not_repeated(mariadb, pauses, error):
    with pytest.raises(type(error)):
        mariadb.write(failing(1, error))
    assert pauses == []


def opened(storage, connection):
    """Return a connection with the storage's statements, which are made when they are needed."""
    storage.count()
    return Connection(connection, storage.statements[storage.database])


def test_a_taken_key_is_not_inserted_and_not_an_error(database_storage, connection, clock):
    database_storage.acquire_lease(A, "ann", clock.now)
    subject = opened(database_storage, connection)
    row = {"name": A, "owner": "bob", "expires_at": subject.to_db_time(clock.now)}
    with transaction.atomic(using=connection.alias):
        assert subject.insert(subject.statements.leases, row) is False
        assert subject.insert(subject.statements.leases, {**row, "name": "B" * 43}) is True


def test_another_broken_constraint_is_an_error(database_storage, connection, clock):
    """It must not be taken for a key that another session has."""
    subject = opened(database_storage, connection)
    row = {"name": A, "owner": None, "expires_at": subject.to_db_time(clock.now)}
    with pytest.raises(IntegrityError):
        subject.insert(subject.statements.leases, row)


def test_deleting_some_takes_the_first_in_order_with_their_index_entries(
    database_storage, connection, clock
):
    for number in range(4):
        references = {"org": "7"}
        database_storage.insert(f"{number:043}", make_record(clock, references=references))
    subject = opened(database_storage, connection)
    rows = subject.delete_some("handle > %s", [f"{0:043}", 2], "handle")
    assert sorted(subject.entry(row)[0] for row in rows) == [f"{1:043}", f"{2:043}"]
    assert sorted(id for id, _ in database_storage.find("org", "7")) == [f"{0:043}", f"{3:043}"]
    count = f"SELECT count(*) FROM {subject.statements.references}"
    assert [*subject.fetch(count, [])] == [(2,)]


def test_times_return_as_they_were_written(database_storage, connection, clock, use_tz):
    subject = opened(database_storage, connection)
    now = clock.now.replace(microsecond=123456)
    assert subject.from_db_time(subject.to_db_time(now)) == now
