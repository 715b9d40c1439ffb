"""The SQL of one database, built once and kept: building it would cost as much as running it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from django.db.backends.base.base import BaseDatabaseWrapper

from ...models import Session, SessionLease, SessionReference
from .dialects import dialect_of
from .encoding import FACTS, USER

FOUND = (*FACTS, "handle", "id")
PURGED = ("purge_at", "more_references", "id")  # what is needed of sessions that are purged

_FACTS = ", ".join(FACTS)
_FOUND = ", ".join(FOUND)


class Statements:
    """Texts; the comment behind each names its parameters in order."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.dialect = dialect_of(connection)
        self.sessions = connection.ops.quote_name(Session._meta.db_table)
        self.references = connection.ops.quote_name(SessionReference._meta.db_table)
        self.leases = connection.ops.quote_name(SessionLease._meta.db_table)
        self._updates: dict[tuple[object, ...], str] = {}

    @cached_property
    def read(self) -> str:  # handle
        return f"SELECT {_FACTS}, data FROM {self.sessions} WHERE handle = %s"

    @cached_property
    def read_some(self) -> str | None:  # names, handle
        """None: this server cannot pick fields, so all of them travel."""
        picked = self.dialect.pick("data")
        return picked and f"SELECT {_FACTS}, {picked} FROM {self.sessions} WHERE handle = %s"

    def insert(self, table: str, columns: Iterable[str]) -> str:  # the columns
        names = list(columns)
        values = ", ".join(["%s"] * len(names))
        into = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"
        return into + self.dialect.on_conflict

    def update(self, columns: Iterable[str], merges: Mapping[str, int]) -> str:
        # the columns, the merges' patches, handle, now
        """``merges``: JSON column -> how many merge patches it gets."""
        key = (*columns, *merges.items())
        if key not in self._updates:
            sets = [f"{column} = %s" for column in columns]
            sets += [
                f"{column} = {self._merged(column, count)}" for column, count in merges.items()
            ]
            self._updates[key] = (
                f"UPDATE {self.sessions} SET {', '.join(sets) or 'label = label'}"
                " WHERE handle = %s AND expires_at > %s"
            )
        return self._updates[key]

    @cached_property
    def delete(self) -> str:  # handle
        delete = f"DELETE FROM {self.sessions} WHERE handle = %s"
        return delete + (f" RETURNING {_FOUND}" if self.dialect.returns_deleted else "")

    def select(
        self, where: str, order: str = "id", lock: str = "", columns: Sequence[str] = FOUND
    ) -> str:  # where, limit
        rows = f"SELECT {', '.join(columns)} FROM {self.sessions}"
        return f"{rows} WHERE {where} ORDER BY {order} LIMIT %s{lock}"

    def delete_selected(
        self, where: str, order: str, lock: str, columns: Sequence[str], by: tuple[str, str]
    ) -> str:  # where, limit
        column, condition = by
        taken = condition.format(self.select(where, order, lock, [column]))
        return f"DELETE FROM {self.sessions} WHERE {taken} RETURNING {', '.join(columns)}"

    def belongs(self, name: str) -> str:  # value, or: name, value, {name: value}
        """The condition that a session has a reference; what its row says decides."""
        if name == USER:
            return "user_ref = %s"
        indexed = f"SELECT session_id FROM {self.references} WHERE name = %s AND value = %s"
        return f"id IN ({indexed}) AND {self.dialect.includes('more_references')}"

    @cached_property
    def sample(self) -> tuple[str, str]:  # handle, limit; both
        """From a handle on, and before it. Handles are random, so these sessions are, too."""
        after, before = (self.select(f"handle {than} %s", "handle") for than in (">=", "<"))
        return after, before

    @cached_property
    def count(self) -> str:  # a full grid from now, now, a full grid from now, now
        """Rows that are purged in more than a grid's time are live: no need to look at them."""
        count = f"SELECT count(*) FROM {self.sessions} WHERE purge_at > %s"
        return f"SELECT ({count}) + ({count} AND purge_at <= %s AND expires_at > %s)"

    @cached_property
    def count_over(self) -> str:  # now
        return f"SELECT count(*) FROM {self.sessions} WHERE purge_at <= %s"

    @cached_property
    def insert_reference(self) -> str:  # name, value, handle
        into = f"INSERT INTO {self.references} (session_id, name, value)"
        return f"{into} SELECT id, %s, %s FROM {self.sessions} WHERE handle = %s"

    @cached_property
    def delete_reference(self) -> str:  # name, handle
        session = f"SELECT id FROM {self.sessions} WHERE handle = %s"
        return f"DELETE FROM {self.references} WHERE name = %s AND session_id = ({session})"

    @cached_property
    def delete_orphaned_references(self) -> str:  # limit
        """Entries whose session is gone: a process died between deleting it and them."""
        orphans = (
            f"SELECT r.id FROM {self.references} r LEFT JOIN {self.sessions} s"
            " ON s.id = r.session_id WHERE s.id IS NULL LIMIT %s"
        )  # in a table of its own, because MySQL knows no LIMIT in an IN
        return f"DELETE FROM {self.references} WHERE id IN (SELECT id FROM ({orphans}) gone)"

    @cached_property
    def renew(self) -> str:  # owner, until, name, owner, now
        """Take over a lease that is one's own, or nobody's any more."""
        condition = "name = %s AND (owner = %s OR expires_at <= %s)"
        return f"UPDATE {self.leases} SET owner = %s, expires_at = %s WHERE {condition}"

    def active_leases(self, number: int) -> str:  # names, now
        condition = f"name IN ({', '.join(['%s'] * number)}) AND expires_at > %s"
        return f"SELECT name, expires_at FROM {self.leases} WHERE {condition}"

    @cached_property
    def delete_expired_leases(self) -> str:  # now
        return f"DELETE FROM {self.leases} WHERE expires_at <= %s"

    def delete_ids(self, table: str, column: str, ids: Iterable[int]) -> str:
        return f"DELETE FROM {table} WHERE {column} IN ({', '.join(str(int(id)) for id in ids)})"

    def _merged(self, column: str, count: int) -> str:
        for _ in range(count):
            column = self.dialect.merge(column)
        return column
