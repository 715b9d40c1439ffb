"""The storage that keeps sessions in Redis or Valkey."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from datetime import datetime
from itertools import chain
from random import randrange
from typing import Any

from redis.exceptions import ResponseError

from ...core.expiry import to_microseconds, utcnow
from ...core.record import NOTHING, Change, Record
from ..base import EndingPasses, Entry, Finding, OnDeleted, Storage, clock_findings
from . import encoding
from .commands import Command, CommandBuilder
from .connection import ERRORS, AsyncConnection, Connection
from .diagnostics import UNKNOWN, findings
from .keys import TAGS, KeyBuilder, reference_text
from .paging import COUNT_CHUNK, LIST_CHUNK, Page, Sample, decode_ids, growing_chunks, tag_chunks
from .topology import Alias
from .urls import parse_url

CLEAR_LIMIT = 16  # ids that `clear` takes from a bucket at a time
NOT_ENDED = ([0], [1])  # answers of scripts/end.lua: the session is gone, or has changed


class RedisStorage(Storage):
    """Sessions in a Redis or Valkey server, or in a cluster.

    A verb takes one round trip, except:

    - ``find``: two for every 1000 sessions.
    - ``delete_matching``: two for every 1000 sessions, and one at the end.
    - ``page`` and ``sample``: at most five. They read the ids of at least one bucket, a 4096th of
      all sessions.
    - ``count``: four.
    - ``purge``: nine, and ``clear``: 16. Both take more by batches where there is something to
      delete.

    On a cluster the client keeps the reference index: a verb that adds or removes references takes
    one more round trip, and ``rename`` takes three.

    The server deletes expired sessions. Their entries in the buckets are removed by ``purge``, or
    one hour later when the next new session is added to the same bucket.

    Listings take ids from the index or from buckets, which may have too many, and then read the
    sessions themselves.
    """

    outages = ERRORS
    expires_by_itself = True

    def __init__(
        self,
        *,
        url: str | None = None,
        alias: str = "default",
        options: Mapping[str, Any] = NOTHING,
        prefix: str = "multisession",
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        """Configure the storage. It connects when it is first used.

        ``url``: see `urls`; None uses the connection of the ``alias`` of CACHES. ``options``:
        arguments of the client. ``prefix``: what every key begins with.

        Raises ValueError if the URL is not valid.
        """
        super().__init__(clock=clock)
        self.topology = parse_url(url, options) if url else Alias(alias)
        self.keys = KeyBuilder(prefix)
        self.connection = Connection(self.topology, prefix)
        self.async_connection = AsyncConnection(self.topology, prefix)
        self.commands = CommandBuilder(self.keys, is_cluster=self.topology.is_cluster)

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        if names is None:
            return encoding.to_record(id, self.connection.run(self.commands.read(id)))
        values = self.connection.run(self.commands.facts(id, names))
        return encoding.facts_to_record(id, values, names)

    async def aread(self, id: str, names: Collection[str] | None = None) -> Record | None:
        if names is None:
            return encoding.to_record(id, await self.async_connection.run(self.commands.read(id)))
        values = await self.async_connection.run(self.commands.facts(id, names))
        return encoding.facts_to_record(id, values, names)

    def insert(self, id: str, record: Record) -> bool:
        index, insert = self._prepare_insert(id, record)
        self.connection.run_all(index)
        return bool(self.connection.run(insert))

    async def ainsert(self, id: str, record: Record) -> bool:
        index, insert = self._prepare_insert(id, record)
        await self.async_connection.run_all(index)
        return bool(await self.async_connection.run(insert))

    def update(self, id: str, change: Change) -> bool:
        now = self.clock()
        answer = self.connection.run(self.commands.update(id, change, now))
        while isinstance(answer, list):  # on a cluster: the index must be written first
            index, update = self._prepare_indexed_update(id, change, now, *answer)
            self.connection.run_all(index)
            answer = self.connection.run(update)
        return bool(answer)

    async def aupdate(self, id: str, change: Change) -> bool:
        now = self.clock()
        answer = await self.async_connection.run(self.commands.update(id, change, now))
        while isinstance(answer, list):
            index, update = self._prepare_indexed_update(id, change, now, *answer)
            await self.async_connection.run_all(index)
            answer = await self.async_connection.run(update)
        return bool(answer)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        if self.commands.is_cluster:
            return self._copy_and_end(old, new, change)
        command = self.commands.update(old, change, self.clock(), new=new)
        return bool(self.connection.run(command))

    async def arename(
        self, old: str, new: str, change: Change, known: Record | None = None
    ) -> bool:
        if self.commands.is_cluster:
            return await self._acopy_and_end(old, new, change)
        command = self.commands.update(old, change, self.clock(), new=new)
        return bool(await self.async_connection.run(command))

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        commands = self.commands.end([id], self.clock(), expired_only=expired_only)
        ended = encoding.ended_entries([id], *self.connection.run_all(commands))
        self.connection.run_all(self.commands.remove_from_index(ended))
        return ended[0][1] if ended else None

    async def adelete(self, id: str, expired_only: bool = False) -> Record | None:
        commands = self.commands.end([id], self.clock(), expired_only=expired_only)
        ended = encoding.ended_entries([id], *await self.async_connection.run_all(commands))
        await self.async_connection.run_all(self.commands.remove_from_index(ended))
        return ended[0][1] if ended else None

    def find(self, name: str, value: str) -> Iterator[Entry]:
        reference, seen = reference_text(name, value), set[str]()
        for ids in self._scan_index(reference):
            new_ids = [id for id in ids if id not in seen]
            seen.update(new_ids)
            answers = self.connection.run_all([self.commands.facts(id) for id in new_ids])
            live = encoding.live_entries(new_ids, answers, self.clock())
            found = [entry for entry in live if entry[1].references.get(name) == value]
            self.connection.run_all(self._prepare_drop_stale(reference, new_ids, found))
            yield from found

    async def afind(self, name: str, value: str) -> AsyncIterator[Entry]:
        reference, seen = reference_text(name, value), set[str]()
        async for ids in self._ascan_index(reference):
            new_ids = [id for id in ids if id not in seen]
            seen.update(new_ids)
            answers = await self.async_connection.run_all(
                [self.commands.facts(id) for id in new_ids]
            )
            live = encoding.live_entries(new_ids, answers, self.clock())
            found = [entry for entry in live if entry[1].references.get(name) == value]
            await self.async_connection.run_all(self._prepare_drop_stale(reference, new_ids, found))
            for each in found:
                yield each

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        reference, passes = reference_text(name, value), EndingPasses()
        for _ in passes:
            for ids in self._scan_index(reference):
                ids_to_end = sorted({*ids} - {keep})
                commands = self.commands.end(ids_to_end, self.clock(), reference)
                answers = self.connection.run_all(commands)
                ended = encoding.ended_entries(ids_to_end, chain(*answers))
                self.connection.run_all(self.commands.remove_from_index(ended))
                self.connection.run_all(self._prepare_drop_stale(reference, ids_to_end, ended))
                passes.note(ids_to_end, ended)
                yield from ended

    async def adelete_matching(
        self, name: str, value: str, keep: str | None = None
    ) -> AsyncIterator[Entry]:
        reference, passes = reference_text(name, value), EndingPasses()
        for _ in passes:
            async for ids in self._ascan_index(reference):
                ids_to_end = sorted({*ids} - {keep})
                commands = self.commands.end(ids_to_end, self.clock(), reference)
                answers = await self.async_connection.run_all(commands)
                ended = encoding.ended_entries(ids_to_end, chain(*answers))
                await self.async_connection.run_all(self.commands.remove_from_index(ended))
                await self.async_connection.run_all(
                    self._prepare_drop_stale(reference, ids_to_end, ended)
                )
                passes.note(ids_to_end, ended)
                for each in ended:
                    yield each

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        page = Page(after, limit, self.clock(), self.commands)
        while commands := page.next_commands():
            page.add(self.connection.run_all(commands))
        answers = self.connection.run_all([self.commands.facts(id) for id in page.ids])
        return encoding.live_entries(page.ids, answers, self.clock()), page.cursor

    async def apage(
        self, after: str | None = None, limit: int = 100
    ) -> tuple[list[Entry], str | None]:
        page = Page(after, limit, self.clock(), self.commands)
        while commands := page.next_commands():
            page.add(await self.async_connection.run_all(commands))
        answers = await self.async_connection.run_all([self.commands.facts(id) for id in page.ids])
        return encoding.live_entries(page.ids, answers, self.clock()), page.cursor

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        sample = Sample(limit, self.clock(), self.commands)
        while commands := sample.next_commands():
            sample.add(self.connection.run_all(commands))
        answers = self.connection.run_all([self.commands.facts(id) for id in sample.ids])
        return self._apply_sample(sample, answers)

    async def asample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        sample = Sample(limit, self.clock(), self.commands)
        while commands := sample.next_commands():
            sample.add(await self.async_connection.run_all(commands))
        answers = await self.async_connection.run_all(
            [self.commands.facts(id) for id in sample.ids]
        )
        return self._apply_sample(sample, answers)

    def count(self, expired_only: bool = False) -> int:
        now, count = self.clock(), 0
        for tags in tag_chunks(COUNT_CHUNK):
            commands = [self.commands.count(tag, now, expired_only) for tag in tags]
            count += sum(self.connection.run_all(commands))
        return count

    async def acount(self, expired_only: bool = False) -> int:
        now, count = self.clock(), 0
        for tags in tag_chunks(COUNT_CHUNK):
            commands = [self.commands.count(tag, now, expired_only) for tag in tags]
            count += sum(await self.async_connection.run_all(commands))
        return count

    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """See Storage.purge().

        It begins with a random bucket, so that two processes that purge at once seldom meet, and
        reads few buckets if these have enough. ``on_deleted`` is never called: the server has
        already deleted the sessions, so their records are not known any more.
        """
        purged, now = 0, self.clock()
        for tags in growing_chunks(start=randrange(len(TAGS))):  # noqa: S311
            has_more = True
            while has_more and (room := limit - purged):
                queries = [self.commands.expired(tag, now, room) for tag in tags]
                ids = decode_ids(self.connection.run_all(queries))
                commands = self.commands.purge(ids[:room], now)
                purged += sum(self.connection.run_all(commands))
                has_more = len(ids) > room
        return purged

    async def apurge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """See purge()."""
        purged, now = 0, self.clock()
        for tags in growing_chunks(start=randrange(len(TAGS))):  # noqa: S311
            has_more = True
            while has_more and (room := limit - purged):
                queries = [self.commands.expired(tag, now, room) for tag in tags]
                ids = decode_ids(await self.async_connection.run_all(queries))
                commands = self.commands.purge(ids[:room], now)
                purged += sum(await self.async_connection.run_all(commands))
                has_more = len(ids) > room
        return purged

    def clear(self) -> int:
        count = 0
        for tags in tag_chunks(LIST_CHUNK):
            queries = [self.commands.expired(tag, None, CLEAR_LIMIT) for tag in tags]
            while ids := decode_ids(self.connection.run_all(queries)):
                commands = self.commands.end(ids, self.clock())
                answers = self.connection.run_all(commands)
                ended = encoding.ended_entries(ids, chain(*answers))
                self.connection.run_all(self.commands.remove_from_index(ended))
                count += len(ended)
        return count

    async def aclear(self) -> int:
        count = 0
        for tags in tag_chunks(LIST_CHUNK):
            queries = [self.commands.expired(tag, None, CLEAR_LIMIT) for tag in tags]
            while ids := decode_ids(await self.async_connection.run_all(queries)):
                commands = self.commands.end(ids, self.clock())
                answers = await self.async_connection.run_all(commands)
                ended = encoding.ended_entries(ids, chain(*answers))
                await self.async_connection.run_all(self.commands.remove_from_index(ended))
                count += len(ended)
        return count

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        command = self.commands.acquire_lease(name, owner, until, self.clock())
        return bool(self.connection.run(command))

    async def aacquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        command = self.commands.acquire_lease(name, owner, until, self.clock())
        return bool(await self.async_connection.run(command))

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        commands = [self.commands.read_lease(name) for name in names]
        answers = self.connection.run_all(commands)
        return encoding.active_leases(names, answers, self.clock())

    async def aactive_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        commands = [self.commands.read_lease(name) for name in names]
        answers = await self.async_connection.run_all(commands)
        return encoding.active_leases(names, answers, self.clock())

    def diagnose(self) -> list[Finding]:
        """See Storage.diagnose(). Two round trips."""
        configurations = self.connection.configurations()
        clocks = [clock_findings(time, self.clock()) for time in self.connection.times()]
        found = findings(configurations) if configurations else [UNKNOWN]
        return [*found, *next(filter(None, clocks), [])]

    def _scan_index(self, reference: str) -> Iterator[list[str]]:
        """Yield the ids that the index has under a reference, in batches."""
        cursor = -1
        while cursor:
            answer = self.connection.run(self.commands.scan(reference, max(cursor, 0)))
            cursor, ids = encoding.parse_scan(answer)
            yield ids

    async def _ascan_index(self, reference: str) -> AsyncIterator[list[str]]:
        """See _scan_index()."""
        cursor = -1
        while cursor:
            answer = await self.async_connection.run(self.commands.scan(reference, max(cursor, 0)))
            cursor, ids = encoding.parse_scan(answer)
            yield ids

    def _copy_and_end(self, old: str, new: str, change: Change) -> bool:
        """Give a session a new id on a cluster, where a script reaches only one slot.

        Copy the session, and then end the old one, but only if it is still as it was read. If
        another request has saved it in the meantime, delete the copy and start again. Until the
        old session is ended, no client knows the new key.
        """
        while True:
            hash = self.connection.run(self.commands.read(old))
            steps = self._prepare_copy(old, new, change, hash)
            if steps is None:
                return False
            record, index, insert, end = steps
            self.connection.run_all(index)
            self._apply_copy(self.connection.run(insert))
            answer = self.connection.run(end)
            if answer not in NOT_ENDED:
                self.connection.run_all(self.commands.remove_from_index([(old, record)]))
                return True
            self.delete(new)

    async def _acopy_and_end(self, old: str, new: str, change: Change) -> bool:
        """See _copy_and_end()."""
        while True:
            hash = await self.async_connection.run(self.commands.read(old))
            steps = self._prepare_copy(old, new, change, hash)
            if steps is None:
                return False
            record, index, insert, end = steps
            await self.async_connection.run_all(index)
            self._apply_copy(await self.async_connection.run(insert))
            answer = await self.async_connection.run(end)
            if answer not in NOT_ENDED:
                await self.async_connection.run_all(
                    self.commands.remove_from_index([(old, record)])
                )
                return True
            await self.adelete(new)

    def _prepare_insert(self, id: str, record: Record) -> tuple[list[Command], Command]:
        """Return the commands for the index, which go first, and the one for the session."""
        now, expires = self.clock(), to_microseconds(record.expires_at)
        references = [reference_text(*item) for item in record.references.items()]
        index = self.commands.add_to_index(references, id, expires, now)
        return index, self.commands.insert(id, record, now)

    def _prepare_indexed_update(
        self, id: str, change: Change, now: datetime, references: bytes, expires: bytes
    ) -> tuple[list[Command], Command]:
        """Return the commands for an update that the server refused until the index is written.

        ``references`` and ``expires`` are the server's answer: what to write to the index.
        """
        index = self.commands.add_to_index(references.decode().split("\0"), id, expires, now)
        return index, self.commands.update(id, change, now, indexed=references)

    def _prepare_copy(
        self, old: str, new: str, change: Change, hash: Mapping[bytes, bytes]
    ) -> tuple[Record, list[Command], Command, Command] | None:
        """Return the old record and the commands for index, copy and end; None: not live."""
        record = encoding.to_record(old, hash)
        if record is None or not record.is_live(self.clock()):
            return None
        end = self.commands.end_unchanged(old, self.clock(), hash.get(b"nonce", b""), new)
        return record, *self._prepare_insert(new, change.apply_to(record)), end

    def _apply_copy(self, inserted: int) -> None:
        if not inserted:
            raise ResponseError("TAKEN There is a session of the new id.")

    def _apply_sample(self, sample: Sample, answers: Any) -> tuple[list[Entry], int]:
        """Return the live records, and how many there are in all.

        A bucket may have ids of sessions that are gone, so the number of ids is not the answer.
        """
        live = encoding.live_entries(sample.ids, answers, self.clock())
        return live, max(len(live) + 1, sample.estimate) if sample.has_more else len(live)

    def _prepare_drop_stale(
        self, reference: str, ids: list[str], found: list[Entry]
    ) -> list[Command]:
        """Return the command that removes the ids from the index that were not found."""
        found_ids = {id for id, _ in found}
        stale = [id for id in ids if id not in found_ids]
        return self.commands.drop_stale(reference, stale, self.clock())
