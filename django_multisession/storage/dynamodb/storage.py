"""`DynamoDBStorage`: the verbs for one session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from secrets import token_hex
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ...core.expiry import utcnow
from ...core.record import NOTHING, Change, Record
from ..base import Finding, clock_findings
from . import encoding, errors, leases, requests
from .connection import Connection
from .encoding import Item
from .listing import Listing
from .requests import Requests
from .table import Table

UNKNOWN = Finding(
    "unknown",
    "This process may not look at its DynamoDB table (DescribeTable, DescribeTimeToLive).",
    "Run 'manage.py createsessiontable --check' with the rights of maintenance.",
)


class DynamoDBStorage(Listing):
    """Sessions in a table of Amazon DynamoDB, or of a server that speaks like it.

    Cost, in requests: one a verb, with these exceptions. A write of references: one before it for
    each, several at once; the end of a session that has references: one after it. ``rename``: a
    read, unless the caller has read it, and a transaction. The whole item is written instead, with
    one request more and one for each reference, after a change of more than 100 fields, one that
    moves the end further than the index vouches for (once a lifetime, or a day where that is
    longer), and after so many changes that the item might be too large.

    In units, for an item of up to s KB (names count): a read s / 4, half of that where reads need
    not be consistent; a save, a touch s; an insert and an end s and 1 for each reference; a rename
    4 s and 4 for each reference; an end among many 2 s and 1 for each reference, and a read. 1 at
    least, each, also of what is not there or is refused. So a touch costs as much as a save.
    """

    def __init__(
        self,
        *,
        table: str = "sessions",
        options: Mapping[str, Any] = NOTHING,
        consistent_read: bool = True,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        """``options``: arguments of ``boto3.client``; see `Connection`. ``consistent_read``:
        whether `read` gives what was written a moment ago. Connects when first used.
        """
        super().__init__(clock=clock)
        self._connection = Connection(options)
        self._requests = Requests(table, consistent_read=consistent_read)
        self.table = Table(
            table, lambda operation, **request: self._connection.call(operation, request)
        )
        self._stopped = []

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        answer = self._connection.call("get_item", self._requests.read(id, names))
        record = encoding.to_record(id, answer.get("Item"))
        if record is None or names is None:
            return record
        return replace(record, fields={n: v for n, v in record.fields.items() if n in names})

    def insert(self, id: str, record: Record) -> bool:
        bound = encoding.bound_of(record.expires_at, self.clock())
        item = encoding.of_record(id, record, bound, _new_version())
        self._enter(id, record.references, bound)
        return self._connection.write(self._requests.insert(item)).done

    def update(self, id: str, change: Change) -> bool:
        if not requests.fits(change):
            return self._rewrite(id, change)
        now = self.clock()
        if change.references and change.expires_at is not None:
            self._enter(id, change.references, encoding.bound_of(change.expires_at, now))
        update = self._requests.update(id, change, now, _new_version())
        written = self._connection.write(update)
        return written.done or self._rewrite(id, change, written.item)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        """One transaction of what was read. If that has changed meanwhile, DynamoDB says to what,
        and that is moved next."""
        record = known if known and known.version else None
        if record is None or not record.is_live(self.clock()):
            record = encoding.to_record(old, self._item(old))
        while record and record.is_live(self.clock()):
            refused = self._move(old, record, new, change.apply_to(record))
            if refused is None:
                return True
            record = encoding.to_record(old, refused or self._item(old))
        return False

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        written = self._connection.write(
            self._requests.delete(id, self.clock() if expired_only else None)
        )
        record = encoding.to_record(id, written.item) if written.done else None
        if record is None:
            return None
        self._leave([(id, record)])
        return None if encoding.is_claimed(written.item) else record.without_fields()

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        write = leases.acquire_lease(self._requests.table, name, owner, until, self.clock())
        return self._connection.write(write).done

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        found = self._connection.read_all(self._requests.table, leases.active_leases(names))
        return leases.live(found, names, self.clock())

    def diagnose(self) -> list[Finding]:
        try:
            return [*self.table.differences(Table.plan()), *self._clock()]
        except ClientError as error:
            if errors.code_of(error) != errors.DENIED:
                raise
            return [UNKNOWN]

    # Steps of several verbs

    def _item(self, id: str) -> Item:
        """As it is now, whatever `read` may give. Empty, where there is none."""
        request = {**self._requests.read(id), "ConsistentRead": True}
        return self._connection.call("get_item", request).get("Item") or {}

    def _clock(self) -> list[Finding]:
        """Every answer tells the time, in whole seconds."""
        with suppress(ClientError):  # that there is no table is told already
            answer = self._connection.call("describe_table", {"TableName": self._requests.table})
            told = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
            return clock_findings(parsedate_to_datetime(told), self.clock()) if told else []
        return []

    def _rewrite(self, id: str, change: Change, told: Item = NOTHING) -> bool:
        """Merge here, and write the whole unless somebody wrote meanwhile. ``told``: what the
        refusal of a write told of the item; not every server does."""
        item = told or self._item(id)
        while (record := encoding.to_record(id, item)) and record.is_live(self.clock()):
            merged = change.apply_to(record)
            before = encoding.number_in(item, encoding.BOUND)
            bound = encoding.renewed(before, merged.expires_at, self.clock())
            whole = encoding.of_record(id, merged, bound, _new_version())
            if bound != before or change.references:
                self._enter(id, merged.references, bound)
            written = self._connection.write(self._requests.replace(whole, record.version))
            if written.done:
                return True
            item = written.item or self._item(id)
        return False

    def _move(self, old: str, record: Record, new: str, moved: Record) -> Item | None:
        """None: it was. Else what there is now under the old id, where that is told."""
        bound = encoding.bound_of(moved.expires_at, self.clock())
        item = encoding.of_record(new, moved, bound, _new_version())
        enter = [self._requests.enter(new, *each, bound) for each in moved.references.items()]
        end = self._requests.end(encoding.session_key(old), record.version)
        leave = [self._requests.leave(old, *each) for each in record.references.items()]
        steps = [*enter, self._requests.insert(item), end, *leave]
        outcome = self._connection.transact(steps)
        if outcome is None:
            return self._move_in_steps(old, record, new, item)
        taken = outcome.refused.get(len(enter))
        if taken is not None and not _is_same(taken, item):
            raise _taken()
        return None if taken or not outcome.refused else outcome.refused[len(enter) + 1]

    def _move_in_steps(self, old: str, record: Record, new: str, item: Item) -> Item | None:
        """Where there are no transactions. Nobody knows the new id before this is over."""
        moved, claim = encoding.found([item]), _new_version()
        self._enter(new, moved[0][1].references, encoding.number_in(item, encoding.BOUND))
        if not self._connection.write(self._requests.insert(item)).done:
            raise _taken()
        written = self._connection.write(self._requests.claim(old, record.version, claim))
        told = {} if written.done else written.item or self._item(old)
        if not written.done and told.get(encoding.VERSION) != {"S": claim}:
            self.delete(new)
            return told
        with suppress(ClientError, BotoCoreError):  # it is over, and in its time deleted
            self.delete(old)
        return None


def _new_version() -> str:
    return token_hex(8)


def _is_same(stored: Item, sent: Item) -> bool:
    """Was a transaction cancelled because it was done already? DynamoDB itself knows a token."""
    return stored.get(encoding.VERSION) == sent[encoding.VERSION]


def _taken() -> ClientError:
    error = {"Code": errors.REFUSED, "Message": "There is a session of the new id."}
    return ClientError({"Error": error}, "TransactWriteItems")
