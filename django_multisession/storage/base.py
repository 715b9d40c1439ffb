"""The storage contract: what every storage promises, whatever server it uses.

A storage keeps one `Record` for each session, under an id, and an index of the records' references.
It knows nothing of session keys, settings, users or requests.

- An **id** is a session's handle: 43 characters of ``[A-Za-z0-9_-]``. See `core.keys`.
- A **reference** is a name and a value, for example ``user=42``. The index finds the records that
  have it. Every verb keeps the index up to date itself, so that a caller cannot forget to.
- A record has **expired** when its ``expires_at`` has passed by the storage's clock; until then it
  is **live**. An expired record stays on the server until it is purged.

Absence is a value: None, False, or an empty iterator. A server that fails is the client library's
own exception (`Storage.outages`), and no storage catches it: an outage that looked like "there is
no such session" would log people out.

The methods here are the only place where the contract is written down. An implementation documents
what its verbs cost, and nothing else.
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

T = TypeVar("T")

Entry = tuple[str, Record]  # an id and its record, without fields
OnDeleted = Callable[[list[Entry]], object]  # called with the records that a purge deleted

ASYNC_BATCH = 100  # entries that an async iterator fetches at a time
LARGEST_NAMED = 3  # fields that the message of SessionTooLarge names
# Seconds that the clocks of two machines may differ. Some servers report whole seconds, and late.
CLOCK_TOLERANCE = 5.0


class SessionTooLarge(ValueError):
    """The server cannot store a session of this size. Nothing was sent; nothing has changed.

    ``size`` and ``limit`` are in bytes, and so are the ``sizes`` of the fields as encoded.
    """

    def __init__(self, size: int, limit: int, sizes: Mapping[str, int]) -> None:
        self.size, self.limit, self.sizes = size, limit, sizes
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:LARGEST_NAMED]
        fields = ", ".join(f"{name!r} ({sizes[name]:,} bytes)" for name in largest)
        super().__init__(
            f"The session would take {size:,} bytes; the server stores at most {limit:,}. Its "
            f"largest fields: {fields or 'none'}. Store large data outside the session and keep "
            "only its key in the session."
        )


class Finding(NamedTuple):
    """A problem in the server's configuration: it endangers sessions or wastes memory.

    `Storage.diagnose` returns findings; the health check and the system checks show them.
    """

    name: str  # the kind: "eviction", "ttl", ...; "unknown" if the server does not report it
    problem: str  # what is wrong, as a sentence
    remedy: str  # what to do about it, as a sentence


class Storage(ABC):
    """Records by id, and an index of their references.

    **Twins.** Every verb has an async twin with the prefix ``a``, the same arguments and the same
    promise. The twins in this class run the verb in a thread; a storage whose client supports
    asyncio overrides them.

    **Times** are aware datetimes in UTC. Whether a record has expired is decided by ``clock``, the
    application's clock, and not by the server's.

    **Round trips** are given for the usual case. An implementation documents its exceptions.

    **Errors.** A verb raises only what its description names, and the errors in ``outages``.
    """

    # Must the blocking verbs run in the one thread that holds Django's database connections?
    thread_sensitive: ClassVar[bool] = False
    # Does the server delete expired records itself?
    expires_by_itself: ClassVar[bool] = False
    # Does `page` begin with the most recently active session? Otherwise it has a stable order.
    pages_by_activity: ClassVar[bool] = False
    # Does `read` still return a record that has expired, until it is purged?
    shows_expired: ClassVar[bool] = False
    # Which exceptions do the verbs raise if the server is unreachable or refuses a request?
    outages: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, *, clock: Callable[[], datetime] = utcnow) -> None:
        self.clock = clock

    # One session

    @abstractmethod
    def read(self, id: str, names: Collection[str] | None = None) -> Record | None:
        """Return the record, or None if there is none. One round trip.

        With ``names``, the record has only those of its fields. The record may have expired
        (`Record.is_live`): every server deletes late, so the caller decides.
        """

    @abstractmethod
    def insert(self, id: str, record: Record) -> bool:
        """Store a new record. Return False, and change nothing, if the id is taken.

        One conditional write, not a check and then a write. One round trip.
        """

    @abstractmethod
    def update(self, id: str, change: Change) -> bool:
        """Apply the change to the stored record. Return False if it is missing or has expired.

        The server merges field by field and atomically: of two requests that change different
        fields, neither loses its change. An update never brings a record back. One round trip if no
        reference changes.
        """

    @abstractmethod
    def rename(self, old: str, new: str, change: Change, known: Record | None = None) -> bool:
        """Move a live record to a new id and apply the change. Return False if there is none.

        When this returns, nothing is stored under the old id. If ``new`` is taken, the server's
        error is raised. ``known`` is the record as the caller has read it; it saves a read where
        the client has to copy the record.
        """

    @abstractmethod
    def delete(self, id: str, expired_only: bool = False) -> Record | None:
        """Delete a record. Return it as it was stored, without fields, or None if it was gone.

        With ``expired_only``, delete the record only if it has expired; another request may have
        extended it in the meantime. If several callers delete at once, one of them gets the record.
        """

    # Many sessions

    @abstractmethod
    def find(self, name: str, value: str) -> Iterator[Entry]:
        """Yield the live records whose reference ``name`` is ``value``.

        The stored record decides, the index only leads to it. Strongly consistent: a record whose
        insert has returned is found. Round trips grow with batches, not with records.
        """

    @abstractmethod
    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        """Delete what `find` would yield, except the id ``keep``, and yield what was deleted.

        A batch is deleted when its first entry is requested, so the iterator must be exhausted. A
        record is deleted only if it has the reference at that moment. Round trips grow with
        batches, not with records.
        """

    @abstractmethod
    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        """Return up to ``limit`` live records, and the cursor of the next page or None.

        ``after`` is the cursor that the page before this one returned. Work and memory are bounded
        by ``limit``. A record that is touched between two pages may be missed. Raises ValueError
        for text that is not a cursor of this storage.
        """

    @abstractmethod
    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        """Return up to ``limit`` random live records, and the number of all live records.

        The choice does not depend on a record's age or activity. If the number is that of the
        returned records, these are all. Otherwise it is larger, and an estimate: a few percent off
        where ``limit`` is 1000. Work and memory are bounded by ``limit``.
        """

    @abstractmethod
    def count(self, expired_only: bool = False) -> int:
        """Return the number of live records. Reads no fields.

        With ``expired_only``, return the number of records that a purge would find.
        """

    @abstractmethod
    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """Delete at most ``limit`` expired records and their index entries. Return the number.

        A number below ``limit`` means that there are no more for now. Two purges may run at once.
        ``on_deleted`` is called with the records that the server still had, perhaps in another
        thread.
        """

    @abstractmethod
    def clear(self) -> int:
        """Delete every record of this storage and return the number.

        Leases, and anything else on the server, stay.
        """

    def pages(self, limit: int = 100) -> Iterator[list[Entry]]:
        """Yield all live records, one page at a time. See `page` for what may be missed."""
        cursor, is_last = None, False
        while not is_last:
            entries, cursor = self.page(cursor, limit)
            yield entries
            is_last = cursor is None

    # Leases: an owner holds a name until a given time. They are what processes on several machines
    # coordinate by: which of them prunes, and which sessions must not be migrated any more.

    @abstractmethod
    def acquire_lease(self, name: str, owner: str, until: datetime) -> bool:
        """Acquire a lease, or renew it for the same owner. Return False if another owner holds it.

        ``name`` has 43 characters, like an id; ``owner`` has at most 64. The lease ends by itself
        at ``until``. To release it, renew it until now.
        """

    @abstractmethod
    def active_leases(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Return those of the named leases that somebody holds, each with its end.

        One round trip, or none without names.
        """

    # Diagnosis

    def diagnose(self) -> list[Finding]:
        """Return the problems in the server's configuration. A few round trips."""
        return []

    # Async twins. Each has the contract of the verb without the ``a``.

    async def apages(self, limit: int = 100) -> AsyncIterator[list[Entry]]:
        """See pages()."""
        cursor, is_last = None, False
        while not is_last:
            entries, cursor = await self.apage(cursor, limit)
            yield entries
            is_last = cursor is None

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
        entries = await self._offload(verb, *args)
        while batch := await self._offload(lambda: list(islice(entries, ASYNC_BATCH))):
            for entry in batch:
                yield entry


# For implementations


class EndingPasses:
    """Repeated passes over an index that changes while many sessions are being ended.

    A session that gets a new id at that moment may slip past one pass: `Storage.rename` writes the
    new index entry before the new record exists and before the old one is gone. The pass then meets
    an id under which it finds no record.

    Iterate over this object for the passes, and call `note` in each of them. Iteration ends after a
    pass that ended nothing and met no missing record for the first time. There are at most
    ``MAX_PASSES``, so that a user who logs in again and again does not keep it going for ever.
    """

    MAX_PASSES = 10

    def __init__(self) -> None:
        self._missing = set[str]()  # ids met in the index whose session was not ended
        self._is_quiet = False

    def __iter__(self) -> Iterator[None]:
        for _ in range(self.MAX_PASSES):
            self._is_quiet = True
            yield
            if self._is_quiet:
                return

    def note(self, met: Iterable[str], ended: Iterable[Entry]) -> None:
        """Record the ids that were met in the index, and the sessions that were ended."""
        ended_ids = {id for id, _ in ended}
        missing = {*met} - ended_ids
        self._is_quiet = self._is_quiet and not ended_ids and missing <= self._missing
        self._missing |= missing


def clock_findings(server_time: datetime, local_time: datetime) -> list[Finding]:
    """Return a finding if the clocks differ by more than ``CLOCK_TOLERANCE`` seconds.

    The application's clock decides what has expired, the server's what the server deletes.
    """
    ahead = (server_time - local_time).total_seconds()
    if abs(ahead) <= CLOCK_TOLERANCE:
        return []
    problem = (
        f"The server's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}: sessions "
        "expire at the wrong time, and at different times on different machines."
    )
    return [Finding("clock", problem, "Synchronise the clocks of all machines with NTP.")]
