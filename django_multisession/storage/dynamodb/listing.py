"""The verbs for many sessions: by reference, or all there are."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError

from ..base import EndingPasses, Entry, OnDeleted, Storage
from . import encoding
from .connection import LONG_PAUSES, Connection
from .encoding import PK, SK, VERSION, Item
from .requests import Requests, Write
from .scan import Scan, from_

logger = logging.getLogger(__name__)

T = TypeVar("T")

LOOKED_AT = 2  # items a page looks at for each session it is to show: entries are among them
LOOKS = 10  # requests a page takes at most, each for twice as many; then it is short


class Listing(Storage):
    """Reads the index, which may know too much, and believes the sessions."""

    outages = (BotoCoreError, ClientError, encoding.WrongAnswer)
    expires_by_itself = True  # within days
    shows_expired = True

    _connection: Connection
    _requests: Requests
    _stopped: list[Scan]  # where purges stopped at their limit

    def find(self, name: str, value: str) -> Iterator[Entry]:
        for ids in self._ids(name, value):
            yield from encoding.live(self._belonging(ids, name, value), self.clock())

    def delete_matching(self, name: str, value: str, keep: str | None = None) -> Iterator[Entry]:
        passes = EndingPasses()
        for _ in passes:
            for ids in self._ids(name, value):
                meant = [id for id in ids if id != keep]
                ended = self._end(meant, name, value)
                passes.note(meant, ended)
                yield from ended

    def page(self, after: str | None = None, limit: int = 100) -> tuple[list[Entry], str | None]:
        found, start, _ = self._look(None if after is None else _position(after), limit)
        if len(found) > limit:
            start = encoding.session_key(found[limit - 1][0])
        return found[:limit], None if start is None else _cursor(start)

    def sample(self, limit: int = 1000) -> tuple[list[Entry], int]:
        """A scan's order is none of time. DynamoDB says how many items there were within the last
        six hours, for one request more."""
        found, start, looked_at = self._look(None, limit)
        if start is None:
            return found[:limit], len(found)
        table = self._connection.call("describe_table", {"TableName": self._requests.table})[
            "Table"
        ]
        about = round(table["ItemCount"] * len(found) / looked_at)
        return found[:limit], max(len(found) + 1, about)

    def count(self, expired_only: bool = False) -> int:
        answers = Scan(self._connection).answers(self._requests.count(self.clock(), expired_only))
        return sum(answer["Count"] for answer in answers)

    def purge(self, limit: int = 1000, on_deleted: OnDeleted | None = None) -> int:
        """Counts dead index entries, too. Goes on where the last purge stopped at its limit, or
        each would read the whole table; and from there over all of it, once."""
        stopped = self._taken_up()
        sweep, purged = stopped or Scan(self._connection), 0
        while purged < limit and (sweep.ahead or sweep is stopped):
            if not sweep.ahead:
                sweep = Scan(self._connection)
            over = sweep.rest or _items(sweep.look(self._requests.over(self.clock())))
            some, sweep.rest = over[: limit - purged], over[limit - purged :]
            deleted = self._delete(some, self._prepare_purge)
            purged += len(deleted)
            if on_deleted is not None:
                ended = [each for each in deleted if not encoding.is_claimed(each)]
                on_deleted(encoding.found(filter(encoding.is_session, ended)))
            if not sweep.rest:
                sweep.go_on()
        if sweep.ahead:
            self._stopped.append(sweep)
        return purged

    def clear(self) -> int:
        count = 0
        for answer in Scan(self._connection).answers(self._requests.ours()):
            self._connection.delete_all(self._requests.table, answer["Items"])
            count += sum(map(encoding.is_session, answer["Items"]))
        return count

    async def _offload(self, verb: Callable[..., T], *args: Any) -> T:
        """In threads of our own: those of the event loop are few."""
        threads = self._connection.process.verbs
        return await sync_to_async(verb, thread_sensitive=False, executor=threads)(*args)

    def _look(self, start: Item | None, limit: int) -> tuple[list[Entry], Item | None, int]:
        """More live sessions than ``limit``, where there are; where to go on; and how many items
        were looked at."""
        found, looked_at = list[Entry](), 0
        for look in range(LOOKS):
            request = self._requests.live(self.clock(), LOOKED_AT * (limit + 1) << look)
            answer = self._connection.call("scan", from_(start, request))
            found += encoding.live(answer["Items"], self.clock())
            looked_at += answer["ScannedCount"]
            start = answer.get("LastEvaluatedKey")
            if start is None or len(found) > limit:
                break
        return found, start, looked_at

    # The index

    def _enter(self, id: str, references: Mapping[str, str | None], until: int) -> None:
        """Before the session says so, so that it is never missed."""
        entries = ((name, value) for name, value in references.items() if value is not None)
        self._connection.write_all(self._requests.enter(id, *entry, until) for entry in entries)

    def _leave(self, ended: Iterable[Entry]) -> None:
        """After the session. What fails here fails nobody: the session is ended, and an entry that
        is left over is deleted by DynamoDB in its time."""
        of_each = ((id, record.references.items()) for id, record in ended)
        keys = [encoding.entry_key(*entry, id) for id, entries in of_each for entry in entries]
        try:
            self._connection.delete_all(self._requests.table, keys)
        except (ClientError, BotoCoreError) as error:
            logger.warning("Index entries of ended sessions are left to DynamoDB's TTL: %s", error)

    def _ids(self, name: str, value: str) -> Iterator[list[str]]:
        """The ids that the index has under a reference, some at a time."""
        request, start = self._requests.entries(name, value), None
        while True:
            answer = self._connection.call("query", from_(start, request))
            yield [item[SK]["S"] for item in answer["Items"]]
            start = answer.get("LastEvaluatedKey")
            if not start:
                return

    def _belonging(self, ids: Sequence[str], name: str, value: str) -> list[Item]:
        """The facts of those sessions that do have the reference."""
        found = self._connection.read_all(self._requests.table, self._requests.facts(ids))
        asked = encoding.checked(found, ids)
        return [item for item in asked if encoding.reference_in(item, name) == value]

    # Ending many

    def _end(self, ids: Sequence[str], name: str, value: str) -> list[Entry]:
        """Of those that have the reference at that moment. What was changed since it was read is
        read again."""
        ended: list[Entry] = []
        while ids:
            found = self._belonging(ids, name, value)
            readable = {id for id, _ in encoding.live(found, self.clock())}
            live = [item for item in found if encoding.id_of(item) in readable]
            deleted = self._delete(live, self._prepare_end)
            ended += encoding.found(deleted)
            gone = {*map(encoding.id_of, deleted)}
            ids = [id for id in map(encoding.id_of, live) if id not in gone]
        return ended

    def _delete(self, doomed: Sequence[Item], plan: Callable[[Item], Write]) -> list[Item]:
        """Those of the items for which what was planned came true, and their entries."""
        parts = self._connection.map(
            lambda part: self._delete_part(part, plan), encoding.packed(doomed)
        )
        deleted = [*chain(*parts)]
        self._leave(encoding.found(filter(encoding.is_session, deleted)))
        return deleted

    def _delete_part(self, part: Sequence[Item], plan: Callable[[Item], Write]) -> list[Item]:
        """In one transaction, if there are several: it costs twice as much. One that is refused is
        left out of the next."""
        deleted: list[Item] = []
        while part:
            writes = [plan(item) for item in part]
            together = self._connection.transact(writes, LONG_PAUSES) if len(writes) > 1 else None
            done, refused = together or self._connection.in_turn(writes)
            deleted += [part[number] for number in done]
            out = {*done, *refused}
            part = [item for number, item in enumerate(part) if number not in out]
        return deleted

    def _prepare_end(self, item: Item) -> Write:
        return self._requests.end(encoding.primary_key(item), item[VERSION]["S"])

    def _prepare_purge(self, item: Item) -> Write:
        return self._requests.purge(item, self.clock())

    def _taken_up(self) -> Scan | None:
        try:
            return self._stopped.pop()
        except IndexError:  # none, or another thread was faster
            return None


def _items(answers: Iterable[Mapping[str, Any]]) -> list[Item]:
    return [item for answer in answers for item in answer["Items"]]


def _cursor(key: Item) -> str:
    """Of any item there is: a page may end among others' items."""
    return json.dumps([key[PK]["S"], key[SK]["S"]])


def _position(cursor: str) -> Item:
    try:
        partition, sort = json.loads(cursor)
        if not (0 < len(partition.encode()) <= 2048 and 0 < len(sort.encode()) <= 1024):
            raise ValueError("too long")
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{cursor!r} is not a cursor of this storage.") from None
    return {PK: {"S": partition}, SK: {"S": sort}}
