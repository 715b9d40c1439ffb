"""The SQL statements for one database. Built once: building one costs as much as running it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from django.db.backends.base.base import BaseDatabaseWrapper

from ...models import Session, SessionLease, SessionReference
from .dialects import dialect_of
from .encoding import RECORD_COLUMNS, USER

ENTRY_COLUMNS = (*RECORD_COLUMNS, "handle", "id")
PURGE_COLUMNS = ("purge_at", "more_references", "id")  # enough to delete them
PURGED_ENTRY_COLUMNS = (*RECORD_COLUMNS, "purge_at", "handle", "id")  # to report them as well

_RECORD = ", ".join(RECORD_COLUMNS)
_ENTRY = ", ".join(ENTRY_COLUMNS)


# The columns that an update sets, and the JSON columns that it merges into, each with its number of
# patches.
Update = tuple[tuple[str, ...], tuple[tuple[str, int], ...]]


class Updates(dict[Update, str]):
    """The updates of live sessions that were needed so far. A missing one is built."""

    def __init__(self, build: Callable[[Update], str]) -> None:
        super().__init__()
        self._build = build

    def __missing__(self, change: Update) -> str:
        sql = self[change] = self._build(change)
        return sql


class Statements:
    """SQL texts. The comment behind each names its parameters in order."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.dialect = dialect_of(connection)
        self.sessions = connection.ops.quote_name(Session._meta.db_table)
        self.references = connection.ops.quote_name(SessionReference._meta.db_table)
        self.leases = connection.ops.quote_name(SessionLease._meta.db_table)
        self.updates = Updates(self._build_update)

    @cached_property
    def read(self) -> str:  # handle
        """The record of a session and all its fields."""
        return f"SELECT {_RECORD}, data FROM {self.sessions} WHERE handle = %s"

    @cached_property
    def read_some(self) -> str | None:  # names, handle
        """The record and some fields. None if the server cannot pick them: then all travel."""
        picked = self.dialect.pick("data")
        return picked and f"SELECT {_RECORD}, {picked} FROM {self.sessions} WHERE handle = %s"

    def insert(self, table: str, columns: Iterable[str]) -> str:  # the columns
        """Return the insertion of a row, which changes nothing if the row's key is taken."""
        names = list(columns)
        values = ", ".join(["%s"] * len(names))
        into = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"
        return into + self.dialect.on_conflict

    def _build_update(self, change: Update) -> str:  # the columns, the patches, handle, now
        columns, merges = change
        sets = [f"{column} = %s" for column in columns]
        sets += [f"{column} = {self._merged(column, count)}" for column, count in merges]
        return (
            f"UPDATE {self.sessions} SET {', '.join(sets) or 'label = label'}"
            " WHERE handle = %s AND expires_at > %s"
        )

    @cached_property
    def delete(self) -> str:  # handle
        """The deletion of one session."""
        delete = f"DELETE FROM {self.sessions} WHERE handle = %s"
        return delete + (f" RETURNING {_ENTRY}" if self.dialect.returns_deleted else "")

    def select(
        self, where: str, order: str = "id", lock: str = "", columns: Sequence[str] = ENTRY_COLUMNS
    ) -> str:  # where, limit
        """Return the selection of the first sessions in an order."""
        rows = f"SELECT {', '.join(columns)} FROM {self.sessions}"
        return f"{rows} WHERE {where} ORDER BY {order} LIMIT %s{lock}"

    def delete_selected(
        self, where: str, order: str, lock: str, columns: Sequence[str], target: tuple[str, str]
    ) -> str:  # where, limit
        """Return the deletion of the first sessions in an order. See `Dialect.delete_target`."""
        column, condition = target
        selected = condition.format(self.select(where, order, lock, [column]))
        return f"DELETE FROM {self.sessions} WHERE {selected} RETURNING {', '.join(columns)}"

    def has_reference(self, name: str) -> str:  # value, or: name, value, {name: value}
        """Return the condition that a session has a reference. The session's own row decides."""
        if name == USER:
            return "user_ref = %s"
        indexed = f"SELECT session_id FROM {self.references} WHERE name = %s AND value = %s"
        return f"id IN ({indexed}) AND {self.dialect.includes('more_references')}"

    @cached_property
    def sample(self) -> tuple[str, str]:  # handle, limit; for both
        """The sessions from a handle on, and those before it. Handles are random."""
        after, before = (self.select(f"handle {than} %s", "handle") for than in (">=", "<"))
        return after, before

    @cached_property
    def count(self) -> str:  # now + PURGE_GRANULARITY, now; both twice
        """The number of live sessions. Rows purged later than in an hour count unread: by index."""
        count = f"SELECT count(*) FROM {self.sessions} WHERE purge_at > %s"
        return f"SELECT ({count}) + ({count} AND purge_at <= %s AND expires_at > %s)"

    @cached_property
    def count_expired(self) -> str:  # now
        """The number of sessions that a purge would delete."""
        return f"SELECT count(*) FROM {self.sessions} WHERE purge_at <= %s"

    @cached_property
    def insert_reference(self) -> str:  # name, value, handle
        """The insertion of an index entry."""
        into = f"INSERT INTO {self.references} (session_id, name, value)"
        return f"{into} SELECT id, %s, %s FROM {self.sessions} WHERE handle = %s"

    @cached_property
    def delete_reference(self) -> str:  # name, handle
        """The deletion of an index entry."""
        session = f"SELECT id FROM {self.sessions} WHERE handle = %s"
        return f"DELETE FROM {self.references} WHERE name = %s AND session_id = ({session})"

    @cached_property
    def delete_orphaned_references(self) -> str:  # limit
        """The deletion of entries without a session: a process died between the two deletions."""
        orphans = (
            f"SELECT r.id FROM {self.references} r LEFT JOIN {self.sessions} s"
            " ON s.id = r.session_id WHERE s.id IS NULL LIMIT %s"
        )  # in a derived table, because MySQL allows no LIMIT in an IN
        return f"DELETE FROM {self.references} WHERE id IN (SELECT id FROM ({orphans}) gone)"

    @cached_property
    def renew_lease(self) -> str:  # owner, until, name, owner, now
        """The renewal of the owner's lease, or the takeover of one that has ended."""
        condition = "name = %s AND (owner = %s OR expires_at <= %s)"
        return f"UPDATE {self.leases} SET owner = %s, expires_at = %s WHERE {condition}"

    def active_leases(self, number: int) -> str:  # names, now
        """Return the selection of those of so many leases that have not ended."""
        condition = f"name IN ({', '.join(['%s'] * number)}) AND expires_at > %s"
        return f"SELECT name, expires_at FROM {self.leases} WHERE {condition}"

    @cached_property
    def delete_expired_leases(self) -> str:  # now
        """The deletion of leases that have ended."""
        return f"DELETE FROM {self.leases} WHERE expires_at <= %s"

    def delete_ids(self, table: str, column: str, ids: Iterable[int]) -> str:
        """Return the deletion of the rows with these numbers in a column."""
        return f"DELETE FROM {table} WHERE {column} IN ({', '.join(str(int(id)) for id in ids)})"

    def _merged(self, column: str, count: int) -> str:
        """Return the column with so many merge patches applied, one after the other."""
        for _ in range(count):
            column = self.dialect.merge(column)
        return column
