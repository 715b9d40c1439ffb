"""A database connection together with the statements for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from itertools import chain
from random import uniform
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.timezone import get_default_timezone

from ...core.record import NOTHING, Record
from ..base import Entry
from . import encoding
from .dialects import BY_ID
from .encoding import Names
from .statements import ENTRY_COLUMNS, Statements

Row = tuple[Any, ...]
T = TypeVar("T")

RETRIES = 8  # after a deadlock
PAUSE = 0.002  # seconds before the first retry, at most; doubled before each further one


class Connection:
    """Runs statements and converts their rows. Created for one verb.

    ``django_connection`` is Django's; it is shared with the rest of the project.
    """

    __slots__ = ("django_connection", "statements")

    def __init__(self, django_connection: BaseDatabaseWrapper, statements: Statements) -> None:
        self.django_connection = django_connection
        self.statements = statements

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        """Run a statement and return all its rows."""
        with self.django_connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            rows: list[Row] = cursor.fetchall()
            return rows

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return the number of rows that it changed."""
        with self.django_connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def insert(self, table: str, row: Mapping[str, Any]) -> bool:
        """Insert a row. Return False if its handle, or the lease's name, is taken."""
        try:
            return self.execute(self.statements.insert(table, row), list(row.values())) == 1
        except IntegrityError as error:
            if error.args[0] == self.statements.dialect.duplicate_key_error:
                return False
            raise

    def update(
        self,
        columns: Mapping[str, Any],
        merges: Mapping[str, Names],
        id: str,
        now: datetime | str,
    ) -> bool:
        """Set columns, and merge into JSON columns, of the session if it is live at ``now``."""
        merges_removals = self.statements.dialect.merges_removals
        patches = {
            column: encoding.to_patches(names, merges_removals) for column, names in merges.items()
        }
        counts = tuple((column, len(texts)) for column, texts in patches.items())
        sql = self.statements.updates[tuple(columns), counts]
        return self.execute(sql, [*columns.values(), *chain(*patches.values()), id, now]) == 1

    def atomic(self) -> AbstractContextManager[None]:
        """Open a transaction, or join the caller's."""
        return transaction.atomic(using=self.django_connection.alias, savepoint=False)

    def write(self, write: Callable[[], T]) -> T:
        """Call a function that writes. Call it again if the server rolled it back for a deadlock.

        The pauses are random: when many clients insert a row that was just deleted, InnoDB refuses
        all but one, and would refuse them again if they all retried at the same moment. Within a
        transaction of the caller's there is no retry: the whole transaction was rolled back, and
        the caller has to repeat it.
        """
        for attempt in range(RETRIES):
            try:
                return write()
            except OperationalError as error:
                is_deadlock = error.args[0] in self.statements.dialect.deadlock_errors
                if not is_deadlock or self.django_connection.in_atomic_block:
                    raise
            time.sleep(uniform(0, PAUSE * 2**attempt))  # noqa: S311
        return write()

    def reindex(self, id: str, references: Names) -> None:
        """Write the changed references of a session to the index."""
        for name, value in references.items():
            self.execute(self.statements.delete_reference, [name, id])
            if value is not None:
                self.execute(self.statements.insert_reference, [name, value, id])

    def delete(self, id: str) -> Record | None:
        """Delete a session and its index entries. Return its record, or None if it was gone."""
        if self.statements.dialect.returns_deleted:
            deleted = self.write(lambda: self.fetch(self.statements.delete, [id]))
        else:
            select = self.statements.select("handle = %s", lock=" FOR UPDATE")
            deleted = self.write(lambda: self._delete_selected(select, [id, 1]))
        self._delete_references(deleted, ENTRY_COLUMNS)
        return self.record(deleted[0]) if deleted else None

    def delete_some(
        self,
        where: str,
        parameters: Sequence[Any],
        order: str = "id",
        columns: Sequence[str] = ENTRY_COLUMNS,
        *,
        skip_locked: bool = False,
    ) -> list[Row]:
        """Delete the first sessions in an order, and their index entries. Return their rows.

        The last of the parameters is the largest number of sessions to delete. ``columns`` are
        those of the returned rows: "more_references" has to be among them, and "id" at the end.
        With ``skip_locked``, rows that another process is writing are left out where possible.
        """
        dialect = self.statements.dialect
        lock = dialect.lock_or_skip if skip_locked else dialect.lock
        if dialect.deletes_selected:
            target = dialect.delete_target if skip_locked else BY_ID
            delete = self.statements.delete_selected(where, order, lock, columns, target)
            deleted = self.fetch(delete, parameters)
        else:
            select = self.statements.select(where, order, lock, columns)
            deleted = self.write(lambda: self._delete_selected(select, parameters))
        self._delete_references(deleted, columns)
        return deleted

    def to_db_time(self, time: datetime) -> datetime | str:
        """Convert a time to what this database takes."""
        keeps_zones = self.statements.dialect.keeps_zones
        return encoding.to_db_time(time, self.django_connection.timezone, keeps_zones)

    def from_db_time(self, value: Any) -> datetime:
        """Convert a time from this database to UTC."""
        return encoding.from_db_time(value, self._zone)

    def record(self, row: Row, fields: Mapping[str, bytes] = NOTHING) -> Record:
        """Return the record of a row that begins with `encoding.RECORD_COLUMNS`."""
        return encoding.to_record(row, self._zone, fields)

    def entry(self, row: Row) -> Entry:
        """Return the entry of a row of `statements.ENTRY_COLUMNS`, or one that ends like them."""
        return row[-2], self.record(row)

    @property
    def _zone(self) -> tzinfo:
        """The time zone of the database's naive times."""
        return self.django_connection.timezone or get_default_timezone()

    def _delete_selected(self, select: str, parameters: Sequence[Any]) -> list[Row]:
        """Delete the rows that the statement selects and locks. Each ends with its id."""
        statements = self.statements
        with self.atomic():
            rows = self.fetch(select, parameters)
            if rows:
                ids = [row[-1] for row in rows]
                self.execute(statements.delete_ids(statements.sessions, "id", ids))
        return rows

    def _delete_references(self, deleted: Sequence[Row], columns: Sequence[str]) -> None:
        """Delete the index entries of deleted sessions: last, so that none is ever missing."""
        more = columns.index("more_references")
        if ids := [row[-1] for row in deleted if row[more] != encoding.EMPTY_OBJECT]:
            statements = self.statements
            self.execute(statements.delete_ids(statements.references, "session_id", ids))
