"""A storage whose requests are recorded and checked, and direct access to its table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from django_multisession.core.record import Record
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.connection import WRITE_BATCH, chunks
from support.dynamodb_proxy import Proxy
from support.dynamodb_rules import assert_legal
from support.dynamodb_servers import NODES, connect
from support.subjects import Clock, dynamodb, make_record


class Contents:
    """The content of a storage's table, read and written without the storage."""

    def __init__(self, client: Any, storage: Any) -> None:
        self.client, self.storage = client, storage
        self.name: str = storage.table.name

    def items(self) -> list[Any]:
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def sessions(self) -> dict[str, Any]:
        """Return the items of sessions by id."""
        return {encoding.id_of(item): item for item in self.items() if encoding.is_session(item)}

    def put(self, *strange: Any) -> None:
        for item in strange:
            self.client.put_item(TableName=self.name, Item=item)

    def fill(self, records: Mapping[str, Record]) -> None:
        """Write sessions and their index entries in batches."""
        self._write([{"PutRequest": {"Item": item}} for item in self._made(records)])

    def delete(self, doomed: Iterable[Any]) -> None:
        self._write([{"DeleteRequest": {"Key": encoding.primary_key(item)}} for item in doomed])

    def expire(self) -> dict[str, Any]:
        """Delete the items whose TTL has passed, and return the sessions among them by id.

        DynamoDB does so itself; moto and dynalite do not.
        """
        now = self.storage.clock().timestamp()
        dead = [item for item in self.items() if 0 < encoding.number_in(item, encoding.TTL) <= now]
        self.delete(dead)
        return {encoding.id_of(item): item for item in dead if encoding.is_session(item)}

    def _made(self, records: Mapping[str, Record]) -> Iterator[Any]:
        for id, record in records.items():
            bound = encoding.new_bound(record.expires_at, self.storage.clock())
            yield encoding.to_item(id, record, bound, f"of {id}")
            yield from (
                encoding.index_entry(id, *each, bound) for each in record.references.items()
            )

    def _write(self, steps: Sequence[Any]) -> None:
        for batch in chunks(steps, WRITE_BATCH):
            answer = self.client.batch_write_item(RequestItems={self.name: batch})
            assert not answer["UnprocessedItems"]


def strange(pk: str, sk: str, **attributes: Any) -> Any:
    """Return an item as another program may have written it."""
    return {"pk": {"S": pk}, "sk": {"S": sk}, **attributes}


class Patient:
    """A server whose clients have a long timeout.

    moto takes seconds for a large transaction while other tests run. A client that repeats the
    request is answered that there is nothing to do.
    """

    def __init__(self, server: Any) -> None:
        self.options = {**server.options, "config": {"read_timeout": 30}}


class Observed:
    """A storage behind a proxy that records its requests."""

    def __init__(self, kind: str, proxy: Proxy, client: Any) -> None:
        self.kind, self.proxy, self.clock = kind, proxy, Clock()
        self.storage = dynamodb(Patient(proxy))(self.clock)
        self.storage.connection.has_transactions = kind == "moto"  # or one request asks
        self.table = Contents(client, self.storage)

    def __call__(self, operation: Callable[[], object]) -> dict[str, int]:
        """Return how many requests of each operation the call sends."""
        return dict(self.proxy.calls(operation))

    def empty(self) -> None:
        self.table.delete(self.table.items())
        self.storage.paused_scans.clear()
        self.proxy.clear()

    def record(self, **facts: Any) -> Record:
        return make_record(self.clock, **facts)

    def fill(self, count: int, prefix: str = "", **facts: Any) -> list[str]:
        """Write ``count`` equal sessions, and return their ids."""
        width = 43 - len(prefix)
        ids = [f"{prefix}{number:0{width}}" for number in range(count)]
        self.table.fill(dict.fromkeys(ids, self.record(**facts)))
        return ids

    def check(self) -> dict[str, int]:
        """Assert that DynamoDB would accept all recorded requests, and that no session was at risk.

        Return how many requests of each operation there were, and forget them.
        """
        seen, written = self.proxy.requests, []
        self.proxy.clear()
        for request in seen:
            assert_legal(request)
            written += assert_careful(request)
        assert len({version for _, version in written}) == len(written)
        return Counter(request.operation for request in seen)


def observe(kind: str) -> Iterator[Observed]:
    """Yield an `Observed`, for a fixture."""
    with Proxy(NODES[kind]) as proxy, closing(connect(NODES[kind])) as client:
        yield Observed(kind, proxy, client)


def assert_careful(request: Any) -> list[tuple[str, str]]:
    """Assert that sessions are written with a condition and a version, and entries with a TTL.

    Return the id and version of each session that the request writes.
    """
    written = []
    for verb, body in _writes(request):
        key = body["Item"] if verb == "Put" else body["Key"]
        if verb == "Delete":
            continue
        assert body["ConditionExpression"]
        assert body["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        if encoding.is_session(key):
            version = (
                _set(body, encoding.VERSION) if verb == "Update" else body["Item"][encoding.VERSION]
            )
            written.append((encoding.id_of(key), version["S"]))
        else:
            assert verb == "Put"
            assert encoding.number_in(body["Item"], encoding.TTL) > 0
    return written


def _writes(request: Any) -> Iterable[tuple[str, Any]]:
    if request.operation == "TransactWriteItems":
        return [next(iter(step.items())) for step in request.body["TransactItems"]]
    if request.operation in {"PutItem", "UpdateItem", "DeleteItem"}:
        return [(request.operation.removesuffix("Item"), request.body)]
    if request.operation == "BatchWriteItem":  # has no conditions
        (steps,) = request.body["RequestItems"].values()
        assert all(step.keys() == {"DeleteRequest"} for step in steps)
    return []


def _set(body: Any, name: str) -> Any:
    """Return the value to which an update sets an attribute."""
    names = body["ExpressionAttributeNames"]
    (placeholder,) = (key for key in names if names[key] == name)
    (value,) = re.findall(rf"(?<!\.){placeholder} = (:\w+)", body["UpdateExpression"])
    return body["ExpressionAttributeValues"][value]
