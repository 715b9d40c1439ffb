"""`RedisStorage`: the verbs for one session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

from ...core.expiry import to_microseconds, utcnow
from ...core.record import NOTHING, Change, Record
from ..base import Finding, clock_findings
from . import encoding
from .commands import Command, CommandBuilder
from .connection import AsyncConnection, Connection
from .diagnostics import UNKNOWN, findings
from .keys import KeyBuilder, reference_text
from .listing import Listing
from .topology import Alias
from .urls import parse_url

NOT_ENDED = ([0], [1])  # answers of scripts/end.lua: it is gone, or changed


class RedisStorage(Listing):
    """Sessions in a Redis or Valkey server, or in a cluster.

    Cost: one round trip a verb. ``find``: two for every 1000 sessions. ``delete_matching``: two,
    and one at the end. ``page`` and ``sample``: at most five, and the ids of at least one bucket, a
    4096th of all. ``count``: four. ``purge``: nine, ``clear``: 16, and more by batches where there
    is something. On a cluster, where the client keeps the index, one more where references are
    written or removed, and ``rename`` takes three. The server deletes what is over; what it leaves
    in buckets goes with ``purge``, or an hour later with the next new session of the bucket.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        alias: str = "default",
        options: Mapping[str, Any] = NOTHING,
        prefix: str = "multisession",
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        """``url``: see `urls`; None takes the ``alias`` of CACHES. ``options``: arguments of the
        client. ``prefix``: of every key. Connects when first used.

        Raises ValueError for a URL that is none.
        """
        super().__init__(clock=clock)
        place = parse_url(url, options) if url else Alias(alias)
        self._connection, self._async_connection = (
            Connection(place, prefix),
            AsyncConnection(place, prefix),
        )
        self._calls = CommandBuilder(KeyBuilder(prefix), spread=place.is_cluster)

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        if names is None:
            return encoding.to_record(id, self._connection.run(self._calls.read(id)))
        return encoding.of_answer(id, self._connection.run(self._calls.facts(id, names)), names)

    async def aread(self, id: str, names: Collection[str] | None = None) -> Record | None:
        if names is None:
            return encoding.to_record(id, await self._async_connection.run(self._calls.read(id)))
        return encoding.of_answer(
            id, await self._async_connection.run(self._calls.facts(id, names)), names
        )

    def insert(self, id: str, record: Record) -> bool:
        first, call = self._prepare_insert(id, record)
        self._connection.run_all(first)
        return bool(self._connection.run(call))

    async def ainsert(self, id: str, record: Record) -> bool:
        first, call = self._prepare_insert(id, record)
        await self._async_connection.run_all(first)
        return bool(await self._async_connection.run(call))

    def update(self, id: str, change: Change) -> bool:
        now = self.clock()
        answer = self._connection.run(self._calls.update(id, change, now))
        while isinstance(answer, list):  # on a cluster: the index comes first
            first, call = self._prepare_again(id, change, now, *answer)
            self._connection.run_all(first)
            answer = self._connection.run(call)
        return bool(answer)

    async def aupdate(self, id: str, change: Change) -> bool:
        now = self.clock()
        answer = await self._async_connection.run(self._calls.update(id, change, now))
        while isinstance(answer, list):
            first, call = self._prepare_again(id, change, now, *answer)
            await self._async_connection.run_all(first)
            answer = await self._async_connection.run(call)
        return bool(answer)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        if self._calls.spread:
            return self._move(old, new, change)
        return bool(self._connection.run(self._calls.update(old, change, self.clock(), new=new)))

    async def arename(
        self, old: str, new: str, change: Change, known: Record | None = None
    ) -> bool:
        if self._calls.spread:
            return await self._amove(old, new, change)
        return bool(
            await self._async_connection.run(self._calls.update(old, change, self.clock(), new=new))
        )

    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        answers = self._connection.run_all(
            self._calls.end([id], self.clock(), expired_only=expired_only)
        )
        ended = encoding.ended([id], *answers)
        self._connection.run_all(self._calls.leave(ended))
        return ended[0][1] if ended else None

    async def adelete(self, id: str, expired_only: bool = False) -> Record | None:
        answers = await self._async_connection.run_all(
            self._calls.end([id], self.clock(), expired_only=expired_only)
        )
        ended = encoding.ended([id], *answers)
        await self._async_connection.run_all(self._calls.leave(ended))
        return ended[0][1] if ended else None

    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        return bool(
            self._connection.run(self._calls.acquire_lease(name, owner, until, self.clock()))
        )

    async def aacquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        return bool(
            await self._async_connection.run(
                self._calls.acquire_lease(name, owner, until, self.clock())
            )
        )

    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        answers = self._connection.run_all([self._calls.active_leases(name) for name in names])
        return encoding.active_leases(names, answers, self.clock())

    async def aactive_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        answers = await self._async_connection.run_all(
            [self._calls.active_leases(name) for name in names]
        )
        return encoding.active_leases(names, answers, self.clock())

    def diagnose(self) -> list[Finding]:
        configurations = self._connection.configurations()
        clocks = [clock_findings(time, self.clock()) for time in self._connection.times()]
        found = findings(configurations) if configurations else [UNKNOWN]
        return [*found, *next(filter(None, clocks), [])]

    # On a cluster a script reaches one slot, so the steps of a verb are calls

    def _move(self, old: str, new: str, change: Change) -> bool:
        """The old one is ended last, and only as it was read: what another request saved
        meanwhile is read and moved again. Nobody knows the new key before that."""
        while True:
            hash = self._connection.run(self._calls.read(old))
            steps = self._prepare_move(old, new, change, hash)
            if steps is None:
                return False
            record, first, insert, end = steps
            self._connection.run_all(first)
            self._apply_insert(self._connection.run(insert))
            answer = self._connection.run(end)
            if answer not in NOT_ENDED:
                self._connection.run_all(self._calls.leave([(old, record)]))
                return True
            self.delete(new)

    async def _amove(self, old: str, new: str, change: Change) -> bool:
        """See _move()."""
        while True:
            hash = await self._async_connection.run(self._calls.read(old))
            steps = self._prepare_move(old, new, change, hash)
            if steps is None:
                return False
            record, first, insert, end = steps
            await self._async_connection.run_all(first)
            self._apply_insert(await self._async_connection.run(insert))
            answer = await self._async_connection.run(end)
            if answer not in NOT_ENDED:
                await self._async_connection.run_all(self._calls.leave([(old, record)]))
                return True
            await self.adelete(new)

    def _prepare_insert(self, id: str, record: Record) -> tuple[list[Command], Command]:
        """What to enter into the index first, and then the session."""
        now, expires = self.clock(), to_microseconds(record.expires_at)
        references = [reference_text(*each) for each in record.references.items()]
        first = self._calls.enter(references, id, expires, now)
        return first, self._calls.insert(id, record, now)

    def _prepare_again(
        self, id: str, change: Change, now: datetime, references: bytes, expires: bytes
    ) -> tuple[list[Command], Command]:
        """The same for an update that was told what to enter."""
        first = self._calls.enter(references.decode().split("\0"), id, expires, now)
        return first, self._calls.update(id, change, now, indexed=references)

    def _prepare_move(
        self, old: str, new: str, change: Change, hash: Mapping[bytes, bytes]
    ) -> tuple[Record, list[Command], Command, Command] | None:
        record = encoding.to_record(old, hash)
        if record is None or not record.is_live(self.clock()):
            return None
        end = self._calls.end_unchanged(old, self.clock(), hash.get(b"nonce", b""), new)
        return record, *self._prepare_insert(new, change.apply_to(record)), end

    def _apply_insert(self, inserted: int) -> None:
        if not inserted:
            raise ResponseError("TAKEN There is a session of the new id.")
