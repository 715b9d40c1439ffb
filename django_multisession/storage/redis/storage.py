"""`RedisStorage`: the verbs for one session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from redis.exceptions import ResponseError

from ...expiry import to_microseconds, utcnow
from ...record import NOTHING, Change, Record
from ..base import Finding, clock_findings
from . import hashes
from .calls import Call, Calls
from .diagnosis import UNKNOWN, findings
from .links import AsyncLink, Link
from .listing import Listing
from .names import Names, item
from .places import Alias
from .urls import place_of

NOT_ENDED = ([0], [1])  # answers of scripts/end.lua: it is gone, or changed


class RedisStorage(Listing):
    """Sessions in a Redis or Valkey server, or in a cluster.

    Cost: one round trip a verb. ``find``: two for every 1000 sessions. ``delete_found``: two, and
    one at the end. ``page`` and ``sample``: at most five, and the ids of at least one bucket, a
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
        place = place_of(url, options) if url else Alias(alias)
        self._link, self._alink = Link(place, prefix), AsyncLink(place, prefix)
        self._calls = Calls(Names(prefix), spread=place.is_cluster)

    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        if names is None:
            return hashes.to_record(id, self._link.run(self._calls.read(id)))
        return hashes.of_answer(id, self._link.run(self._calls.facts(id, names)), names)

    async def aread(self, id: str, names: Collection[str] | None = None) -> Record | None:
        if names is None:
            return hashes.to_record(id, await self._alink.run(self._calls.read(id)))
        return hashes.of_answer(id, await self._alink.run(self._calls.facts(id, names)), names)

    def insert(self, id: str, record: Record) -> bool:
        first, call = self._plan_insert(id, record)
        self._link.run_all(first)
        return bool(self._link.run(call))

    async def ainsert(self, id: str, record: Record) -> bool:
        first, call = self._plan_insert(id, record)
        await self._alink.run_all(first)
        return bool(await self._alink.run(call))

    def update(self, id: str, change: Change) -> bool:
        now = self.clock()
        answer = self._link.run(self._calls.update(id, change, now))
        while isinstance(answer, list):  # on a cluster: the index comes first
            first, call = self._plan_again(id, change, now, *answer)
            self._link.run_all(first)
            answer = self._link.run(call)
        return bool(answer)

    async def aupdate(self, id: str, change: Change) -> bool:
        now = self.clock()
        answer = await self._alink.run(self._calls.update(id, change, now))
        while isinstance(answer, list):
            first, call = self._plan_again(id, change, now, *answer)
            await self._alink.run_all(first)
            answer = await self._alink.run(call)
        return bool(answer)

    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        if self._calls.spread:
            return self._move(old, new, change)
        return bool(self._link.run(self._calls.update(old, change, self.clock(), new=new)))

    async def arename(
        self, old: str, new: str, change: Change, known: Record | None = None
    ) -> bool:
        if self._calls.spread:
            return await self._amove(old, new, change)
        return bool(await self._alink.run(self._calls.update(old, change, self.clock(), new=new)))

    def delete(self, id: str, over: bool = False) -> Record | None:
        answers = self._link.run_all(self._calls.end([id], self.clock(), over=over))
        ended = hashes.ended([id], *answers)
        self._link.run_all(self._calls.leave(ended))
        return ended[0][1] if ended else None

    async def adelete(self, id: str, over: bool = False) -> Record | None:
        answers = await self._alink.run_all(self._calls.end([id], self.clock(), over=over))
        ended = hashes.ended([id], *answers)
        await self._alink.run_all(self._calls.leave(ended))
        return ended[0][1] if ended else None

    def hold(self, name: str, owner: str, until: datetime) -> bool:
        return bool(self._link.run(self._calls.hold(name, owner, until, self.clock())))

    async def ahold(self, name: str, owner: str, until: datetime) -> bool:
        return bool(await self._alink.run(self._calls.hold(name, owner, until, self.clock())))

    def held(self, names: Collection[str]) -> Mapping[str, datetime]:
        answers = self._link.run_all([self._calls.held(name) for name in names])
        return hashes.held(names, answers, self.clock())

    async def aheld(self, names: Collection[str]) -> Mapping[str, datetime]:
        answers = await self._alink.run_all([self._calls.held(name) for name in names])
        return hashes.held(names, answers, self.clock())

    def diagnose(self) -> list[Finding]:
        configurations = self._link.configurations()
        clocks = [clock_findings(time, self.clock()) for time in self._link.times()]
        found = findings(configurations) if configurations else [UNKNOWN]
        return [*found, *next(filter(None, clocks), [])]

    # On a cluster a script reaches one slot, so the steps of a verb are calls

    def _move(self, old: str, new: str, change: Change) -> bool:
        """The old one is ended last, and only as it was read: what another request saved
        meanwhile is read and moved again. Nobody knows the new key before that."""
        while True:
            hash = self._link.run(self._calls.read(old))
            steps = self._plan_move(old, new, change, hash)
            if steps is None:
                return False
            record, first, insert, end = steps
            self._link.run_all(first)
            self._settle_insert(self._link.run(insert))
            answer = self._link.run(end)
            if answer not in NOT_ENDED:
                self._link.run_all(self._calls.leave([(old, record)]))
                return True
            self.delete(new)

    async def _amove(self, old: str, new: str, change: Change) -> bool:
        """See _move()."""
        while True:
            hash = await self._alink.run(self._calls.read(old))
            steps = self._plan_move(old, new, change, hash)
            if steps is None:
                return False
            record, first, insert, end = steps
            await self._alink.run_all(first)
            self._settle_insert(await self._alink.run(insert))
            answer = await self._alink.run(end)
            if answer not in NOT_ENDED:
                await self._alink.run_all(self._calls.leave([(old, record)]))
                return True
            await self.adelete(new)

    def _plan_insert(self, id: str, record: Record) -> tuple[list[Call], Call]:
        """What to enter into the index first, and then the session."""
        now, expires = self.clock(), to_microseconds(record.expires_at)
        references = [item(*each) for each in record.references.items()]
        first = self._calls.enter(references, id, expires, now)
        return first, self._calls.insert(id, record, now)

    def _plan_again(
        self, id: str, change: Change, now: datetime, references: bytes, expires: bytes
    ) -> tuple[list[Call], Call]:
        """The same for an update that was told what to enter."""
        first = self._calls.enter(references.decode().split("\0"), id, expires, now)
        return first, self._calls.update(id, change, now, indexed=references)

    def _plan_move(
        self, old: str, new: str, change: Change, hash: Mapping[bytes, bytes]
    ) -> tuple[Record, list[Call], Call, Call] | None:
        record = hashes.to_record(old, hash)
        if record is None or not record.is_live(self.clock()):
            return None
        end = self._calls.end_unchanged(old, self.clock(), hash.get(b"nonce", b""), new)
        return record, *self._plan_insert(new, change.apply_to(record)), end

    def _settle_insert(self, inserted: int) -> None:
        if not inserted:
            raise ResponseError("TAKEN There is a session of the new id.")
