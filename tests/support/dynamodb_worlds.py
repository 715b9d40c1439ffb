"""A table with a few sessions, and storages on it: one behind a proxy, where things go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import ExponentialBackoff

from django_multisession.core.record import Record
from django_multisession.storage.dynamodb import (
    DynamoDBStorage,
    client_pool,
    connection,
    encoding,
    scan,
)
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import NODES, LazyNode, connect
from support.subjects import Clock, dynamodb, make_record

A, B, C, D, OVER = (letter * 43 for letter in "ABCDX")
CLOCK = Clock()  # stands still
LATER = CLOCK.now + timedelta(days=15)
TIMEOUT = 0.5  # seconds

SEEDS = {
    A: make_record(CLOCK, fields={"a": b"1", "b": b"1"}, references={"user": "1", "org": "2"}),
    B: make_record(CLOCK, label="b", references={"user": "1"}),
    OVER: make_record(CLOCK, expires_at=CLOCK.now, references={"user": "1"}),
}


class Hasty:
    """A server whose clients have little patience."""

    def __init__(self, server: Any) -> None:
        self.options = {**server.options, "config": {"read_timeout": TIMEOUT}}


class World:
    """Of one server. Each storage made is on a table of its own."""

    def __init__(self, server: LazyNode, proxy: Proxy, client: Any) -> None:
        self.proxy, self.client = proxy, client
        self._make, self._make_hasty = dynamodb(proxy), dynamodb(Hasty(proxy))
        self._processes: set[client_pool.ClientPool] = set()
        self._beside = DynamoDBStorage(options=server.options)._connection

    def storage(
        self, clock: Clock = CLOCK, seeds: Mapping[str, Record] = SEEDS, *, is_hasty: bool = False
    ) -> Any:
        """One behind the proxy, with these sessions. No other does anything any more."""
        self.proxy.clear()
        for each in self._processes:
            come_to_rest(each.parts)
        storage = (self._make_hasty if is_hasty else self._make)(clock)
        self._processes.add(storage._connection.process)
        puts = [{"PutRequest": {"Item": item}} for item in _items(seeds)]
        for batch in connection.chunks(puts, connection.BATCH):
            self.client.batch_write_item(RequestItems={storage.table.name: batch})
        self.proxy.clear()
        return storage

    def beside(self, storage: Any, clock: Clock = CLOCK) -> Any:
        """Another on the same table, of somebody who meets no proxy."""
        other = DynamoDBStorage(table=storage.table.name, clock=clock)
        other._connection = self._beside
        return other

    def kept(self, storage: Any) -> dict[str, Record]:
        """The sessions in the table, behind the back of all. Every one is in the index."""
        answer = self.client.scan(TableName=storage.table.name, ConsistentRead=True)
        sessions = dict(encoding.found(filter(encoding.is_session, answer["Items"])))
        ends = {(item["pk"]["S"], item["sk"]["S"]): item["ttl"]["N"] for item in answer["Items"]}
        for id, record in sessions.items():
            for reference in record.references.items():
                until = int(ends[encoding.partition_of(*reference), id])
                assert until >= encoding.seconds(record.expires_at)
        # What was claimed by a move in steps is over, and may stay until DynamoDB deletes it.
        return {id: record for id, record in sessions.items() if record.expires_at.year > 1970}


def come_to_rest(parts: ThreadPoolExecutor) -> None:
    """Wait until all threads are free: when one part of a verb raises, the others still go on."""
    barrier = Barrier(client_pool.PARTS)
    wait([parts.submit(barrier.wait, 30) for _ in range(client_pool.PARTS)])


@contextmanager
def world(kind: str) -> Iterator[World]:
    server = NODES[kind]
    with Proxy(server) as proxy, closing(connect(server)) as client:
        yield World(server, proxy, client)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two attempts, nor is there a quota that other tests may have used up."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    monkeypatch.setattr(RetryQuota, "acquire", lambda *_: True)
    monkeypatch.setattr(connection, "sleep", lambda pause: None)
    monkeypatch.setattr(scan, "SEGMENTS", 1)


def _items(seeds: Mapping[str, Record]) -> Iterator[Any]:
    for id, record in seeds.items():
        bound = encoding.bound_of(record.expires_at, CLOCK.now)
        yield encoding.of_record(id, record, bound, f"{id[:15]}0")
        yield from (encoding.entry(id, *each, bound) for each in record.references.items())
