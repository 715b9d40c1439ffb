"""The verbs for many sessions: by reference, by bucket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain
from random import randrange
from typing import Any

from ..base import EndingPasses, Entry, OnDeleted, Storage
from . import encoding
from .commands import Command, CommandBuilder
from .connection import ERRORS, AsyncConnection, Connection
from .keys import TAGS, reference_text
from .paging import Page, Sample

COUNTED = 1024  # buckets a round trip, where each answers a number
LISTED = 256  # where each answers ids
GROWTH = 4  # how many times as many buckets a purge looks at next
CLEARED = 16  # ids a bucket


class Listing(Storage):
    """Reads the index, which may know too much, and believes the sessions."""

    outages = ERRORS
    expires_by_itself = True

    _connection: Connection
    _async_connection: AsyncConnection
    _calls: CommandBuilder

    def find(self, name: str, value: str) -> Iterator[Entry]:
        reference, seen = reference_text(name, value), set[str]()
        for ids in self._scan(reference):
            fresh = [id for id in ids if id not in seen]
            seen.update(fresh)
            answers = self._connection.run_all([self._calls.facts(id) for id in fresh])
            live = encoding.live(fresh, answers, self.clock())
            found = [each for each in live if each[1].references.get(name) == value]
            self._connection.run_all(self._prepare_drop(reference, fresh, found))
            yield from found

    async def afind(self, name: str, value: str) -> AsyncIterator[Entry]:
        reference, seen = reference_text(name, value), set[str]()
        async for ids in self._ascan(reference):
            fresh = [id for id in ids if id not in seen]
            seen.update(fresh)
            answers = await self._async_connection.run_all([self._calls.facts(id) for id in fresh])
            live = encoding.live(fresh, answers, self.clock())
            found = [each for each in live if each[1].references.get(name) == value]
            await self._async_connection.run_all(self._prepare_drop(reference, fresh, found))
            for each in found:
                yield each

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        reference, passes = reference_text(name, value), EndingPasses()
        for _ in passes:
            for ids in self._scan(reference):
                meant = sorted({*ids} - {keep})
                calls = self._calls.end(meant, self.clock(), reference)
                ended = encoding.ended(meant, chain(*self._connection.run_all(calls)))
                self._connection.run_all(self._calls.leave(ended))
                self._connection.run_all(self._prepare_drop(reference, meant, ended))
                passes.note(meant, ended)
                yield from ended

    async def adelete_matching(
        self, name: str, value: str, keep: str | None = None
    ) -> AsyncIterator[Entry]:
        reference, passes = reference_text(name, value), EndingPasses()
        for _ in passes:
            async for ids in self._ascan(reference):
                meant = sorted({*ids} - {keep})
                calls = self._calls.end(meant, self.clock(), reference)
                ended = encoding.ended(meant, chain(*await self._async_connection.run_all(calls)))
                await self._async_connection.run_all(self._calls.leave(ended))
                await self._async_connection.run_all(self._prepare_drop(reference, meant, ended))
                passes.note(meant, ended)
                for each in ended:
                    yield each

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        page = Page(after, limit, self.clock(), self._calls)
        while calls := page.calls():
            page.take(self._connection.run_all(calls))
        answers = self._connection.run_all([self._calls.facts(id) for id in page.ids])
        return encoding.live(page.ids, answers, self.clock()), page.cursor

    async def apage(
        self, after: str | None = None, limit: int = 100
    ) -> tuple[list[Entry], str | None]:
        page = Page(after, limit, self.clock(), self._calls)
        while calls := page.calls():
            page.take(await self._async_connection.run_all(calls))
        answers = await self._async_connection.run_all([self._calls.facts(id) for id in page.ids])
        return encoding.live(page.ids, answers, self.clock()), page.cursor

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        sample = Sample(limit, self.clock(), self._calls)
        while calls := sample.calls():
            sample.take(self._connection.run_all(calls))
        answers = self._connection.run_all([self._calls.facts(id) for id in sample.ids])
        return self._sampled(sample, answers)

    async def asample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        sample = Sample(limit, self.clock(), self._calls)
        while calls := sample.calls():
            sample.take(await self._async_connection.run_all(calls))
        answers = await self._async_connection.run_all([self._calls.facts(id) for id in sample.ids])
        return self._sampled(sample, answers)

    def count(self, expired_only: bool = False) -> int:
        now, count = self.clock(), 0
        for tags in _pieces(COUNTED):
            calls = [self._calls.count(tag, now, expired_only) for tag in tags]
            count += sum(self._connection.run_all(calls))
        return count

    async def acount(self, expired_only: bool = False) -> int:
        now, count = self.clock(), 0
        for tags in _pieces(COUNTED):
            calls = [self._calls.count(tag, now, expired_only) for tag in tags]
            count += sum(await self._async_connection.run_all(calls))
        return count

    def purge(self, limit: int = 1000, tell: OnDeleted | None = None) -> int:
        """Begins at any bucket, so that two at once seldom meet, and looks at few where these have
        enough. There is nothing to tell: the server has deleted the sessions."""
        purged, now = 0, self.clock()
        for tags in _growing_pieces(start=randrange(len(TAGS))):  # noqa: S311
            more = True
            while more and (room := limit - purged):
                looks = [self._calls.over(tag, now, room) for tag in tags]
                over = _ids(self._connection.run_all(looks))
                calls = self._calls.purge(over[:room], now)
                purged += sum(self._connection.run_all(calls))
                more = len(over) > room
        return purged

    async def apurge(self, limit: int = 1000, tell: OnDeleted | None = None) -> int:
        purged, now = 0, self.clock()
        for tags in _growing_pieces(start=randrange(len(TAGS))):  # noqa: S311
            more = True
            while more and (room := limit - purged):
                looks = [self._calls.over(tag, now, room) for tag in tags]
                over = _ids(await self._async_connection.run_all(looks))
                calls = self._calls.purge(over[:room], now)
                purged += sum(await self._async_connection.run_all(calls))
                more = len(over) > room
        return purged

    def clear(self) -> int:
        count = 0
        for tags in _pieces(LISTED):
            looks = [self._calls.over(tag, None, CLEARED) for tag in tags]
            while ids := _ids(self._connection.run_all(looks)):
                calls = self._calls.end(ids, self.clock())
                ended = encoding.ended(ids, chain(*self._connection.run_all(calls)))
                self._connection.run_all(self._calls.leave(ended))
                count += len(ended)
        return count

    async def aclear(self) -> int:
        count = 0
        for tags in _pieces(LISTED):
            looks = [self._calls.over(tag, None, CLEARED) for tag in tags]
            while ids := _ids(await self._async_connection.run_all(looks)):
                calls = self._calls.end(ids, self.clock())
                ended = encoding.ended(ids, chain(*await self._async_connection.run_all(calls)))
                await self._async_connection.run_all(self._calls.leave(ended))
                count += len(ended)
        return count

    def _scan(self, reference: str) -> Iterator[list[str]]:
        """The ids that the index has under a reference, some at a time."""
        cursor = -1
        while cursor:
            answer = self._connection.run(self._calls.scan(reference, max(cursor, 0)))
            cursor, ids = encoding.scanned(answer)
            yield ids

    async def _ascan(self, reference: str) -> AsyncIterator[list[str]]:
        cursor = -1
        while cursor:
            answer = await self._async_connection.run(self._calls.scan(reference, max(cursor, 0)))
            cursor, ids = encoding.scanned(answer)
            yield ids

    def _sampled(self, sample: Sample, answers: Any) -> tuple[list[Entry], int]:
        """What a bucket knows of, may be gone."""
        live = encoding.live(sample.ids, answers, self.clock())
        return live, max(len(live) + 1, sample.about) if sample.has_more else len(live)

    def _prepare_drop(self, reference: str, ids: list[str], found: list[Entry]) -> list[Command]:
        good = {id for id, _ in found}
        return self._calls.drop(reference, [id for id in ids if id not in good], self.clock())


def _pieces(size: int) -> Iterator[list[str]]:
    """All tags, so many at a time."""
    return (TAGS[first : first + size] for first in range(0, len(TAGS), size))


def _growing_pieces(start: int) -> Iterator[list[str]]:
    """The same in a circle, ever more at a time."""
    tags, first, size = TAGS[start:] + TAGS[:start], 0, 1
    while first < len(tags):
        yield tags[first : first + size]
        first, size = first + size, min(size * GROWTH, COUNTED)


def _ids(answers: Iterable[Iterable[bytes]]) -> list[str]:
    return [id.decode() for answer in answers for id in answer]
