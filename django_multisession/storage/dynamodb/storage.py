"""The storage that keeps sessions in DynamoDB."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from secrets import token_hex
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError

from ...core.expiry import utcnow
from ...core.record import NOTHING, Change, Record
from ..base import EndingPasses, Entry, Finding, OnDeleted, Storage
from . import encoding, errors, leases, requests
from .connection import LONG_PAUSES, Connection
from .diagnostics import findings
from .encoding import SK, VERSION, Item
from .listing import from_cursor, scan_live, to_cursor
from .requests import Requests, Write
from .scan import Scan, start_at
from .table import Table

logger = logging.getLogger(__name__)

T = TypeVar("T")


class DynamoDBStorage(Storage):
    """Sessions in a table of Amazon DynamoDB, or of a compatible server.

    A verb takes one request, except:

    - A write that adds references: one request more for each reference before it, in parallel.
    - The end of a session that has references: one request more after it.
    - ``rename``: a read, unless the caller has read the record, and a transaction.
    - An update writes the whole item, which takes one request more, and one more for each reference
      that has to be indexed again, if it changes more than 100 fields; if it moves the expiry
      beyond the lifetime of the index entries (once in a session's lifetime, or once a day if that
      is longer); or if so many updates came before it that the item might be too large.

    In capacity units, for an item of up to s KB (the names of attributes count):

    - a read: s / 4, or half of that if reads need not be consistent
    - a save or a touch: s, so that a touch costs as much as a save
    - an insert or an end: s, and 1 for each reference
    - a rename: 4 s, and 4 for each reference
    - an end in bulk: 2 s, 1 for each reference, and a read

    Each of them costs at least 1, even if the item is missing or the write is refused.

    Listings take ids from the index, which may have too many, and then read the sessions
    themselves.
    """

    outages = (BotoCoreError, ClientError, encoding.WrongAnswer)
    expires_by_itself = True  # within days
    shows_expired = True

    def __init__(
        self,
        *,
        table: str = "sessions",
        options: Mapping[str, Any] = NOTHING,
        consistent_read: bool = True,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        """Configure the storage. It connects when it is first used.

        ``options``: arguments of ``boto3.client``; see `Connection`. ``consistent_read``: whether
        `read` returns every write that was finished before it.
        """
        super().__init__(clock=clock)
        self.connection = Connection(options)
        self.requests = Requests(table, consistent_read=consistent_read)
        self.table = Table(
            table, lambda operation, **request: self.connection.call(operation, request)
        )
        self.paused_scans: list[Scan] = []  # of purges that stopped at their limit

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        answer = self.connection.call("get_item", self.requests.read(id, names))
        record = encoding.to_record(id, answer.get("Item"))
        if record is None or names is None:
            return record
        return replace(record, fields={n: v for n, v in record.fields.items() if n in names})

    def insert(self, id: str, record: Record) -> bool:
        bound = encoding.new_bound(record.expires_at, self.clock())
        item = encoding.to_item(id, record, bound, _new_version())
        self._add_to_index(id, record.references, bound)
        return self.connection.write(self.requests.insert(item)).done

    def update(self, id: str, change: Change) -> bool:
        if not requests.fits(change):
            return self._rewrite(id, change)
        now = self.clock()
        if change.references and change.expires_at is not None:
            self._add_to_index(id, change.references, encoding.new_bound(change.expires_at, now))
        update = self.requests.update(id, change, now, _new_version())
        written = self.connection.write(update)
        return written.done or self._rewrite(id, change, written.item)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        """See Storage.rename().

        One transaction moves the record as it was read. If the record has changed in the meantime,
        the refusal has the stored one, and that is moved next.
        """
        record = known if known and known.version else None
        if record is None or not record.is_live(self.clock()):
            record = encoding.to_record(old, self._read_item(old))
        while record and record.is_live(self.clock()):
            refused = self._move(old, record, new, change.apply_to(record))
            if refused is None:
                return True
            record = encoding.to_record(old, refused or self._read_item(old))
        return False

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        written = self.connection.write(
            self.requests.delete(id, self.clock() if expired_only else None)
        )
        record = encoding.to_record(id, written.item) if written.done else None
        if record is None:
            return None
        self._remove_from_index([(id, record)])
        return None if encoding.is_claimed(written.item) else record.without_fields()

    def find(self, name: str, value: str) -> Iterator[Entry]:
        for ids in self._scan_index(name, value):
            yield from encoding.live_entries(self._read_matching(ids, name, value), self.clock())

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        passes = EndingPasses()
        for _ in passes:
            for ids in self._scan_index(name, value):
                ids_to_end = [id for id in ids if id != keep]
                ended = self._end_matching(ids_to_end, name, value)
                passes.note(ids_to_end, ended)
                yield from ended

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        start = None if after is None else from_cursor(after)
        entries, next_key, _ = scan_live(self.connection, self.requests, self.clock, start, limit)
        if len(entries) > limit:
            next_key = encoding.session_key(entries[limit - 1][0])
        return entries[:limit], None if next_key is None else to_cursor(next_key)

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        """See Storage.sample().

        A scan's order does not depend on time. For the number, one request more asks how many items
        the table has; DynamoDB counts them every six hours.
        """
        found = scan_live(self.connection, self.requests, self.clock, None, limit)
        entries = found.entries
        if found.next_key is None:
            return entries[:limit], len(entries)
        answer = self.connection.call("describe_table", {"TableName": self.requests.table})
        estimate = round(answer["Table"]["ItemCount"] * len(entries) / found.scanned)
        return entries[:limit], max(len(entries) + 1, estimate)

    def count(self, expired_only: bool = False) -> int:
        answers = Scan(self.connection).answers(self.requests.count(self.clock(), expired_only))
        return sum(answer["Count"] for answer in answers)

    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """See Storage.purge(). The number includes expired index entries.

        The scan goes on where the last purge stopped at its limit, or every purge would read the
        whole table. From the end of the table it starts again and reads all of it, once.
        """
        paused = self._resume_scan()
        scan, purged = paused or Scan(self.connection), 0
        while purged < limit and (scan.remaining or scan is paused):
            if not scan.remaining:
                scan = Scan(self.connection)
            expired = scan.rest or _items(scan.read(self.requests.expired(self.clock())))
            batch, scan.rest = expired[: limit - purged], expired[limit - purged :]
            deleted = self._delete_items(batch, self._prepare_purge)
            purged += len(deleted)
            if on_deleted is not None:
                on_deleted(_ended_entries(deleted))
            if not scan.rest:
                scan.advance()
        if scan.remaining:
            self.paused_scans.append(scan)
        return purged

    def clear(self) -> int:
        count = 0
        for answer in Scan(self.connection).answers(self.requests.all_keys()):
            self.connection.delete_all(self.requests.table, answer["Items"])
            count += sum(map(encoding.is_session, answer["Items"]))
        return count

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        write = leases.acquire_lease(self.requests.table, name, owner, until, self.clock())
        return self.connection.write(write).done

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        items = self.connection.read_all(self.requests.table, leases.active_leases(names))
        return leases.live(items, names, self.clock())

    def diagnose(self) -> list[Finding]:
        return findings(self.connection, self.table, self.clock())

    async def _offload(self, verb: Callable[..., T], *args: Any) -> T:
        """Run the verb in a thread of this storage: the event loop has few of its own."""
        threads = self.connection.pool.verbs
        return await sync_to_async(verb, thread_sensitive=False, executor=threads)(*args)

    # The reference index

    def _add_to_index(self, id: str, references: Mapping[str, str | None], until: int) -> None:
        """Write the index entries of a session. Do so before the session, so that it is found."""
        entries = ((name, value) for name, value in references.items() if value is not None)
        self.connection.write_all(
            self.requests.add_to_index(id, *entry, until) for entry in entries
        )

    def _remove_from_index(self, ended: Iterable[Entry]) -> None:
        """Delete the index entries of sessions that have been deleted.

        An error is only logged: the sessions are ended, and DynamoDB deletes entries that are left
        when they expire.
        """
        keys = [
            encoding.entry_key(*reference, id)
            for id, record in ended
            for reference in record.references.items()
        ]
        try:
            self.connection.delete_all(self.requests.table, keys)
        except (ClientError, BotoCoreError) as error:
            logger.warning("Index entries of ended sessions are left to DynamoDB's TTL: %s", error)

    def _scan_index(self, name: str, value: str) -> Iterator[list[str]]:
        """Yield the ids that the index has under a reference, in batches."""
        request, start = self.requests.index(name, value), None
        while True:
            answer = self.connection.call("query", start_at(start, request))
            yield [item[SK]["S"] for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def _read_matching(self, ids: Sequence[str], name: str, value: str) -> list[Item]:
        """Read these sessions without fields. Return those that have the reference."""
        answered = self.connection.read_all(self.requests.table, self.requests.facts(ids))
        items = encoding.check_ids(answered, ids)
        return [item for item in items if encoding.reference_in(item, name) == value]

    # One session

    def _read_item(self, id: str) -> Item:
        """Return the item, or an empty one. The read is consistent even if `read` is not."""
        request = {**self.requests.read(id), "ConsistentRead": True}
        return self.connection.call("get_item", request).get("Item") or {}

    def _rewrite(self, id: str, change: Change, stored: Item = NOTHING) -> bool:
        """Apply a change by writing the whole item, on condition that no other write came first.

        ``stored`` is the item that the refusal of an update returned; not every server returns it.
        """
        item = stored or self._read_item(id)
        while (record := encoding.to_record(id, item)) and record.is_live(self.clock()):
            merged = change.apply_to(record)
            old_bound = encoding.number_in(item, encoding.BOUND)
            bound = encoding.renew_bound(old_bound, merged.expires_at, self.clock())
            new_item = encoding.to_item(id, merged, bound, _new_version())
            if bound != old_bound or change.references:
                self._add_to_index(id, merged.references, bound)
            written = self.connection.write(self.requests.replace(new_item, record.version))
            if written.done:
                return True
            item = written.item or self._read_item(id)
        return False

    def _move(self, old: str, record: Record, new: str, moved: Record) -> Item | None:
        """Store ``moved`` under the new id and delete ``record``. Return None if that was done.

        Otherwise return the item that is stored under the old id, or an empty one if the server
        does not return it. Raises ClientError if the new id is taken.
        """
        bound = encoding.new_bound(moved.expires_at, self.clock())
        item = encoding.to_item(new, moved, bound, _new_version())
        add = [
            self.requests.add_to_index(new, *reference, bound)
            for reference in moved.references.items()
        ]
        end = self.requests.end(encoding.session_key(old), record.version)
        remove = [
            self.requests.remove_from_index(old, *reference)
            for reference in record.references.items()
        ]
        outcome = self.connection.transact([*add, self.requests.insert(item), end, *remove])
        if outcome is None:
            return self._move_in_steps(old, record, new, item)
        taken = outcome.refused.get(len(add))
        if taken is not None and not _is_same(taken, item):
            raise _id_taken()
        return None if taken or not outcome.refused else outcome.refused[len(add) + 1]

    def _move_in_steps(self, old: str, record: Record, new: str, item: Item) -> Item | None:
        """Move a session without a transaction. See _move().

        The new id is not known to anybody until this has returned, so that a session which is
        stored under both ids in between is not used twice.
        """
        moved, claim = encoding.to_entries([item]), _new_version()
        self._add_to_index(new, moved[0][1].references, encoding.number_in(item, encoding.BOUND))
        if not self.connection.write(self.requests.insert(item)).done:
            raise _id_taken()
        written = self.connection.write(self.requests.claim(old, record.version, claim))
        stored = {} if written.done else written.item or self._read_item(old)
        if not written.done and stored.get(VERSION) != {"S": claim}:
            self.delete(new)
            return stored
        with suppress(ClientError, BotoCoreError):  # it has expired, so DynamoDB will delete it
            self.delete(old)
        return None

    # Many sessions

    def _end_matching(self, ids: Sequence[str], name: str, value: str) -> list[Entry]:
        """Delete those of the sessions that have the reference, and return them.

        A session that has changed since it was read is read again.
        """
        ended: list[Entry] = []
        while ids:
            items = self._read_matching(ids, name, value)
            live_ids = {id for id, _ in encoding.live_entries(items, self.clock())}
            live = [item for item in items if encoding.id_of(item) in live_ids]
            deleted = self._delete_items(live, self._prepare_end)
            ended += encoding.to_entries(deleted)
            deleted_ids = {*map(encoding.id_of, deleted)}
            ids = [id for id in map(encoding.id_of, live) if id not in deleted_ids]
        return ended

    def _delete_items(self, items: Sequence[Item], prepare: Callable[[Item], Write]) -> list[Item]:
        """Delete items and their index entries. Return those whose prepared write was done."""
        parts = self.connection.map(
            lambda batch: self._delete_batch(batch, prepare), encoding.transaction_batches(items)
        )
        deleted = [*chain(*parts)]
        self._remove_from_index(encoding.to_entries(filter(encoding.is_session, deleted)))
        return deleted

    def _delete_batch(self, batch: Sequence[Item], prepare: Callable[[Item], Write]) -> list[Item]:
        """Delete items in one transaction, and return those that were deleted.

        A single item is deleted without a transaction, which costs twice as much. After a refusal
        the transaction is repeated without the refused items.
        """
        deleted: list[Item] = []
        while batch:
            writes = [prepare(item) for item in batch]
            outcome = self.connection.transact(writes, LONG_PAUSES) if len(writes) > 1 else None
            done, refused = outcome or self.connection.write_in_turn(writes)
            deleted += [batch[index] for index in done]
            finished = {*done, *refused}
            batch = [item for index, item in enumerate(batch) if index not in finished]
        return deleted

    def _prepare_end(self, item: Item) -> Write:
        return self.requests.end(encoding.primary_key(item), item[VERSION]["S"])

    def _prepare_purge(self, item: Item) -> Write:
        return self.requests.purge(item, self.clock())

    def _resume_scan(self) -> Scan | None:
        """Take the scan of an earlier purge that stopped at its limit, or return None."""
        try:
            return self.paused_scans.pop()
        except IndexError:  # there is none, or another thread has taken it
            return None


def _new_version() -> str:
    return token_hex(8)


def _is_same(stored: Item, sent: Item) -> bool:
    """Return whether a transaction was refused because an earlier attempt has already done it.

    DynamoDB itself recognizes the attempt by its token; other servers do not.
    """
    return stored.get(VERSION) == sent[VERSION]


def _id_taken() -> ClientError:
    error = {"Code": errors.CONDITION_FAILED, "Message": "The new id already has a session."}
    return ClientError({"Error": error}, "TransactWriteItems")


def _items(answers: Iterable[Mapping[str, Any]]) -> list[Item]:
    return [item for answer in answers for item in answer["Items"]]


def _ended_entries(deleted: Iterable[Item]) -> list[Entry]:
    """Return the sessions that have ended. A session with a claim lives on under another id."""
    ended = (item for item in deleted if not encoding.is_claimed(item))
    return encoding.to_entries(filter(encoding.is_session, ended))
