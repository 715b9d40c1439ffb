"""A connection together with the statements for it."""

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
from .statements import FOUND, Statements

Row = tuple[Any, ...]
T = TypeVar("T")

RETRIES = 8  # after a deadlock
PAUSE = 0.002  # seconds before the first of them, at most; twice as long before each further one


class Connection:
    """Runs statements and understands their rows. Lives for one verb."""

    __slots__ = ("connection", "statements")

    def __init__(self, connection: BaseDatabaseWrapper, statements: Statements) -> None:
        self.connection = connection
        self.statements = statements

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            encoding: list[Row] = cursor.fetchall()
            return encoding

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """How many rows it changed."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def insert(self, table: str, row: Mapping[str, Any]) -> bool:
        """False: its handle, or name, is taken."""
        try:
            return self.execute(self.statements.insert(table, row), list(row.values())) == 1
        except IntegrityError as error:
            if error.args[0] == self.statements.dialect.taken:
                return False
            raise

    def update(
        self,
        columns: Mapping[str, Any],
        merges: Mapping[str, Mapping[str, str | None]],
        id: str,
        now: datetime | str,
    ) -> bool:
        """Set columns, and merge into JSON columns, of a session that is live ``now``."""
        patches = {
            column: self.statements.dialect.patches(names) for column, names in merges.items()
        }
        counts = {column: len(texts) for column, texts in patches.items()}
        sql = self.statements.update(columns, counts)
        return self.execute(sql, [*columns.values(), *chain(*patches.values()), id, now]) == 1

    def atomic(self) -> AbstractContextManager[None]:
        return transaction.atomic(using=self.connection.alias, savepoint=False)

    def write(self, write: Callable[[], T]) -> T:
        """Do it, and again if the server broke a deadlock at its expense.

        At moments that differ: of many who insert what was deleted just before, InnoDB refuses all
        but one, and again if they all come again. Within a transaction of the caller's, that one is
        undone too, and the caller's to repeat.
        """
        for attempt in range(RETRIES):
            try:
                return write()
            except OperationalError as error:
                is_deadlock = error.args[0] in self.statements.dialect.deadlocks
                if not is_deadlock or self.connection.in_atomic_block:
                    raise
            time.sleep(uniform(0, PAUSE * 2**attempt))  # noqa: S311
        return write()

    def reindex(self, id: str, references: Mapping[str, str | None]) -> None:
        """Make the index say of one session what its row says."""
        for name, value in references.items():
            self.execute(self.statements.delete_reference, [name, id])
            if value is not None:
                self.execute(self.statements.insert_reference, [name, value, id])

    def delete(self, id: str) -> Record | None:
        if self.statements.dialect.returns_deleted:
            deleted = self.write(lambda: self.fetch(self.statements.delete, [id]))
        else:
            select = self.statements.select("handle = %s", lock=" FOR UPDATE")
            deleted = self.write(lambda: self._delete_locked(select, [id, 1]))
        self._forget(deleted, FOUND)
        return self.record(deleted[0]) if deleted else None

    def delete_some(
        self,
        where: str,
        parameters: Sequence[Any],
        order: str = "id",
        columns: Sequence[str] = FOUND,
        *,
        skip_locked: bool = False,
    ) -> list[Row]:
        """Delete the first sessions in an order; the last parameter is their greatest number.
        ``columns``: of the rows in the answer, "more_references" and at the end "id" among them."""
        dialect = self.statements.dialect
        lock = dialect.lock_free if skip_locked else dialect.lock
        if dialect.deletes_selected:
            by = dialect.delete_target if skip_locked else BY_ID
            delete = self.statements.delete_selected(where, order, lock, columns, by)
            deleted = self.fetch(delete, parameters)
        else:
            select = self.statements.select(where, order, lock, columns)
            deleted = self.write(lambda: self._delete_locked(select, parameters))
        self._forget(deleted, columns)
        return deleted

    def to_db_time(self, moment: datetime) -> datetime | str:
        keeps_zones = self.statements.dialect.keeps_zones
        return encoding.to_db_time(moment, self.connection.timezone, keeps_zones)

    def from_db_time(self, value: Any) -> datetime:
        """The inverse."""
        return encoding.from_db_time(value, self._zone)

    def record(self, row: Row, fields: Mapping[str, bytes] = NOTHING) -> Record:
        return encoding.to_record(row, self._zone, fields)

    def found(self, row: Row) -> Entry:
        """Of a row that ends with handle and id."""
        return row[-2], self.record(row)

    @property
    def _zone(self) -> tzinfo:
        """What the database means by a time without one."""
        return self.connection.timezone or get_default_timezone()

    def _delete_locked(self, select: str, parameters: Sequence[Any]) -> list[Row]:
        """``select``: locks rows that end with their ids."""
        statements = self.statements
        with self.atomic():
            locked = self.fetch(select, parameters)
            if locked:
                ids = [row[-1] for row in locked]
                self.execute(statements.delete_ids(statements.sessions, "id", ids))
        return locked

    def _forget(self, deleted: Sequence[Row], columns: Sequence[str]) -> None:
        """Drop the index entries of deleted sessions: after them, so that none is ever missing."""
        more = columns.index("more_references")
        if ids := [row[-1] for row in deleted if row[more] != encoding.NONE]:
            statements = self.statements
            self.execute(statements.delete_ids(statements.references, "session_id", ids))
