"""Tables with a few sessions, and storages on them behind a proxy that causes faults."""

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
    """A server whose clients have a short timeout."""

    def __init__(self, server: Any) -> None:
        self.options = {**server.options, "config": {"read_timeout": TIMEOUT}}


class World:
    """One server behind a proxy. Each storage has a table of its own."""

    def __init__(self, server: LazyNode, proxy: Proxy, client: Any) -> None:
        self.proxy, self.client = proxy, client
        self._make, self._make_hasty = dynamodb(proxy), dynamodb(Hasty(proxy))
        self._pools: set[client_pool.ClientPool] = set()
        self._beside = DynamoDBStorage(options=server.options).connection

    def storage(
        self, clock: Clock = CLOCK, seeds: Mapping[str, Record] = SEEDS, *, is_hasty: bool = False
    ) -> Any:
        """Return a storage behind the proxy with these sessions, after all others have finished."""
        self.proxy.clear()
        for each in self._pools:
            come_to_rest(each.parts)
        storage = (self._make_hasty if is_hasty else self._make)(clock)
        self._pools.add(storage.connection.pool)
        puts = [{"PutRequest": {"Item": item}} for item in _items(seeds)]
        for batch in connection.chunks(puts, connection.WRITE_BATCH):
            self.client.batch_write_item(RequestItems={storage.table.name: batch})
        self.proxy.clear()
        return storage

    def beside(self, storage: Any, clock: Clock = CLOCK) -> Any:
        """Return another storage on the same table that does not use the proxy."""
        other = DynamoDBStorage(table=storage.table.name, clock=clock)
        other.connection = self._beside
        return other

    def kept(self, storage: Any) -> dict[str, Record]:
        """Return the sessions in the table, read without a storage. Assert that all are indexed."""
        answer = self.client.scan(TableName=storage.table.name, ConsistentRead=True)
        sessions = dict(encoding.to_entries(filter(encoding.is_session, answer["Items"])))
        ends = {(item["pk"]["S"], item["sk"]["S"]): item["ttl"]["N"] for item in answer["Items"]}
        for id, record in sessions.items():
            for reference in record.references.items():
                until = int(ends[encoding.index_partition(*reference), id])
                assert until >= encoding.seconds(record.expires_at)
        # A rename in steps leaves an expired session, which may stay until DynamoDB deletes it.
        return {id: record for id, record in sessions.items() if record.expires_at.year > 1970}


def come_to_rest(parts: ThreadPoolExecutor) -> None:
    """Wait until all threads are idle: if one part of a verb raises, the others still run."""
    barrier = Barrier(client_pool.PARTS)
    wait([parts.submit(barrier.wait, 30) for _ in range(client_pool.PARTS)])


@contextmanager
def world(kind: str) -> Iterator[World]:
    server = NODES[kind]
    with Proxy(server) as proxy, closing(connect(server)) as client:
        yield World(server, proxy, client)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the pauses between attempts, and the retry quota, which other tests may have used."""
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0)
    monkeypatch.setattr(RetryQuota, "acquire", lambda *_: True)
    monkeypatch.setattr(connection, "sleep", lambda pause: None)
    monkeypatch.setattr(scan, "SEGMENTS", 1)


def _items(seeds: Mapping[str, Record]) -> Iterator[Any]:
    for id, record in seeds.items():
        bound = encoding.new_bound(record.expires_at, CLOCK.now)
        yield encoding.to_item(id, record, bound, f"{id[:15]}0")
        yield from (encoding.index_entry(id, *each, bound) for each in record.references.items())
