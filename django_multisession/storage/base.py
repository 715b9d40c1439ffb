"""The seam: what every storage promises. Implementations add only what it costs.

A storage keeps records under ids and an index of their references. It knows nothing of keys,
settings or policy. Absence is a value; a broken server is the client library's own exception,
because an outage must never look like "no such session": that would log people out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar, NamedTuple, TypeVar

from asgiref.sync import sync_to_async

from ..core.expiry import utcnow
from ..core.record import Change, Record

Entry = tuple[str, Record]  # an id and its record, without fields
OnDeleted = Callable[[list[Entry]], object]  # told what ended


class Finding(NamedTuple):
    """Something in the server's configuration that endangers sessions, or wastes memory."""

    name: str  # of the kind: "eviction", "ttl", ..., or "unknown": the server does not tell
    problem: str
    remedy: str


def clock_findings(server: datetime, here: datetime) -> list[Finding]:
    """The application's clock decides what is over, and the server's what it deletes."""
    ahead = (server - here).total_seconds()
    if abs(ahead) <= SKEW:
        return []
    problem = f"The server's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}: "
    problem += "sessions end at other times than they should, and differently on each machine."
    return [Finding("clock", problem, "Have all machines keep their clocks by NTP.")]


class EndingPasses:
    """The passes that ending many sessions makes over an index which changes in the meantime.

    A session on its way to a new id may slip past a pass: its new entry is written before the new
    session exists and before the old one is gone. Then the pass meets an id that it does not find.
    So iterating yields passes until one has ended nothing and met no id for the first time. There
    are at most 10, so that a user who logs in again and again does not keep it going.
    """

    MOST = 10

    def __init__(self) -> None:
        self._unfound = set[str]()  # ids met in the index whose session was not ended
        self._is_quiet = False

    def __iter__(self) -> Iterator[None]:
        for _ in range(self.MOST):
            self._is_quiet = True
            yield
            if self._is_quiet:
                return

    def note(self, met: Iterable[str], ended: Iterable[Entry]) -> None:
        """Take note of the ids that the index had, and of the sessions that were ended."""
        ended_ids = {id for id, _ in ended}
        unfound = {*met} - ended_ids
        self._is_quiet = self._is_quiet and not ended_ids and unfound <= self._unfound
        self._unfound |= unfound


class SessionTooLarge(ValueError):
    """The server cannot keep a session of this size. Nothing was sent; what it keeps is unchanged.

    ``sizes``: field -> bytes of its encoded value.
    """

    def __init__(self, size: int, limit: int, sizes: Mapping[str, int]) -> None:
        self.size, self.limit, self.sizes = size, limit, sizes
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:LARGEST]
        named = ", ".join(f"{name!r} ({sizes[name]:,} bytes)" for name in largest)
        super().__init__(
            f"The session would take {size:,} bytes, and the server keeps {limit:,} at most. Its "
            f"largest fields: {named or 'none'}. Keep large data elsewhere, and its key here."
        )


T = TypeVar("T")

LARGEST = 3  # fields an error names
SKEW = 5.0  # seconds that clocks may differ; a server may tell its time in whole seconds, and late

ASYNC_BATCH = 100  # sessions an async iterator fetches at a time


class Storage(ABC):
    """Records by id. Every verb has an async twin, prefixed ``a``, with the same promise.

    The twins given here run the verb in a thread; a storage whose client speaks asyncio
    overrides them.
    """

    # Must its blocking verbs run in the one thread that holds Django's database connections?
    thread_sensitive: ClassVar[bool] = False
    # Does the server delete expired records itself?
    expires_by_itself: ClassVar[bool] = False
    # Does `page` go from the most recently active session down? Else: a stable order.
    pages_by_activity: ClassVar[bool] = False
    # Does `read` still show a record after its end, until it is purged?
    shows_expired: ClassVar[bool] = False
    # What do its verbs raise where the server is not to be had, or refuses?
    outages: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, *, clock: Callable[[], datetime] = utcnow) -> None:
        self.clock = clock

    @abstractmethod
    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        """The record, with all its fields or only those named. One round trip.

        It may be over (`Record.is_live`): every server deletes late, and the caller decides.
        """

    @abstractmethod
    def insert(self, id: str, record: Record) -> bool:
        """Store a new record. False: the id is taken, and nothing changed. One round trip."""

    @abstractmethod
    def update(self, id: str, change: Change) -> bool:
        """Apply the change to the stored record, field by field, atomically.

        False: the record is gone or over; it is never brought back. One round trip when no
        reference changes.
        """

    @abstractmethod
    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        """Move the live record to a fresh id and apply the change; the old id is dead at once.

        False: there is none. The index follows. A taken ``new`` is an error of the server's.
        ``known``, the record as the caller has read it, spares a client that must copy it a read.
        """

    @abstractmethod
    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        """End one: the record as it was stored, without fields. None: it was gone already.

        With ``over``: only if its end has come; another request may have moved it meanwhile. Of
        several callers only one is given the record. The index follows.
        """

    @abstractmethod
    def find(self, name: str, value: str) -> Iterator[Entry]:
        """Live records whose stored reference ``name`` is ``value``; strongly consistent."""

    @abstractmethod
    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        """End those that `find` would give, except the id ``keep``.

        A batch is deleted when its first record is asked for, so the iterator must be
        exhausted. Round trips grow with batches, not with sessions. A record is only deleted if
        it still has the reference at that moment.
        """

    @abstractmethod
    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        """Up to ``limit`` live records, and the cursor of the next page or None.

        Keyset paging: work and memory are bounded by ``limit``. Raises ValueError for a cursor
        that is none. A record touched meanwhile may be missed.
        """

    @abstractmethod
    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        """Up to ``limit`` live records, whatever their age and activity, and how many there are.

        Where the number is that of the records, these are all. Else it is larger: an estimate, a
        few percent off where ``limit`` is 1000. Work and memory are bounded by ``limit``.
        """

    @abstractmethod
    def count(self, expired_only: bool = False) -> int:
        """Live records; with ``over``, how many a purge would find. Reads no payloads."""

    @abstractmethod
    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """Delete at most ``limit`` expired records, and what the index still holds of them.

        Fewer than ``limit``: there are no more for now. Safe to run twice at once. ``on_deleted``
        is given the records that the server still had; it may be called in another thread.
        """

    @abstractmethod
    def clear(self) -> int:
        """Delete every record of this storage, and nothing else of the server's: no leases."""

    @abstractmethod
    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        """Take a lease, or renew it for the same owner. False: another owner has it.

        ``name``: 43 characters, as an id; ``owner``: text, 64 characters at most. A lease ends by
        itself; ``until`` now gives it back.
        """

    @abstractmethod
    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Those of these leases that somebody has, and when they end. One round trip."""

    def pages(self, limit: int = 100) -> Iterator[list[Entry]]:
        """Yield all live sessions, a page at a time. A session used meanwhile may be missed."""
        cursor, is_last = None, False
        while not is_last:
            entries, cursor = self.page(cursor, limit)
            yield entries
            is_last = cursor is None

    async def apages(self, limit: int = 100) -> AsyncIterator[list[Entry]]:
        """See pages()."""
        cursor, is_last = None, False
        while not is_last:
            entries, cursor = await self.apage(cursor, limit)
            yield entries
            is_last = cursor is None

    def diagnose(self) -> list[Finding]:
        """What is wrong with the server's configuration. No more than a few round trips."""
        return []

    async def aread(self, id: str, names: Collection[str] | None = None) -> Record | None:
        return await self._offload(self.read, id, names)

    async def ainsert(self, id: str, record: Record) -> bool:
        return await self._offload(self.insert, id, record)

    async def aupdate(self, id: str, change: Change) -> bool:
        return await self._offload(self.update, id, change)

    async def arename(
        self, old: str, new: str, change: Change, known: Record | None = None
    ) -> bool:
        return await self._offload(self.rename, old, new, change, known)

    async def adelete(self, id: str, expired_only: bool = False) -> Record | None:
        return await self._offload(self.delete, id, expired_only)

    def afind(self, name: str, value: str) -> AsyncIterator[Entry]:
        return self._offload_each(self.find, name, value)

    def adelete_matching(
        self, name: str, value: str, keep: str | None = None
    ) -> AsyncIterator[Entry]:
        return self._offload_each(self.delete_matching, name, value, keep)

    async def apage(
        self, after: str | None = None, limit: int = 100
    ) -> tuple[list[Entry], str | None]:
        return await self._offload(self.page, after, limit)

    async def asample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        return await self._offload(self.sample, limit)

    async def acount(self, expired_only: bool = False) -> int:
        return await self._offload(self.count, expired_only)

    async def apurge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        return await self._offload(self.purge, limit, on_deleted)

    async def aclear(self) -> int:
        return await self._offload(self.clear)

    async def aacquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        return await self._offload(self.acquire_lease, name, owner, until)

    async def aactive_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        return await self._offload(self.active_leases, names)

    async def adiagnose(self) -> list[Finding]:
        return await self._offload(self.diagnose)

    async def _offload(self, verb: Callable[..., T], *args: Any) -> T:
        return await sync_to_async(verb, thread_sensitive=self.thread_sensitive)(*args)

    async def _offload_each(
        self, verb: Callable[..., Iterator[Entry]], *args: Any
    ) -> AsyncIterator[Entry]:
        found = await self._offload(verb, *args)
        while batch := await self._offload(lambda: list(islice(found, ASYNC_BATCH))):
            for item in batch:
                yield item
