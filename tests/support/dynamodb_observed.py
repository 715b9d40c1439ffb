"""A storage whose requests are noted and checked, and its table, behind its back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from django_multisession.core.record import Record
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.connection import BATCH, chunks
from support.dynamodb_proxy import Proxy
from support.dynamodb_rules import assert_legal
from support.dynamodb_servers import NODES, connect
from support.subjects import Clock, dynamodb, make_record


class Contents:
    """What is in a table, behind the back of its storage."""

    def __init__(self, client: Any, storage: Any) -> None:
        self.client, self.storage = client, storage
        self.name: str = storage.table.name

    def items(self) -> list[Any]:
        pages = self.client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def sessions(self) -> dict[str, Any]:
        """Id -> item."""
        return {encoding.id_of(item): item for item in self.items() if encoding.is_session(item)}

    def put(self, *strange: Any) -> None:
        for item in strange:
            self.client.put_item(TableName=self.name, Item=item)

    def fill(self, records: Mapping[str, Record]) -> None:
        """Many sessions in a moment, their entries included."""
        self._write([{"PutRequest": {"Item": item}} for item in self._made(records)])

    def delete(self, doomed: Iterable[Any]) -> None:
        self._write([{"DeleteRequest": {"Key": encoding.primary_key(item)}} for item in doomed])

    def expire(self) -> dict[str, Any]:
        """Delete what DynamoDB itself would, as soon as it may: neither moto nor dynalite does.
        The sessions among it."""
        now = self.storage.clock().timestamp()
        dead = [each for each in self.items() if 0 < encoding.number_in(each, encoding.TTL) <= now]
        self.delete(dead)
        return {encoding.id_of(item): item for item in dead if encoding.is_session(item)}

    def _made(self, records: Mapping[str, Record]) -> Iterator[Any]:
        for id, record in records.items():
            bound = encoding.bound_of(record.expires_at, self.storage.clock())
            yield encoding.of_record(id, record, bound, f"of {id}")
            yield from (encoding.entry(id, *each, bound) for each in record.references.items())

    def _write(self, steps: Sequence[Any]) -> None:
        for batch in chunks(steps, BATCH):
            answer = self.client.batch_write_item(RequestItems={self.name: batch})
            assert not answer["UnprocessedItems"]


def strange(pk: str, sk: str, **attributes: Any) -> Any:
    """An item that another hand may have put there."""
    return {"pk": {"S": pk}, "sk": {"S": sk}, **attributes}


class Patient:
    """A server whose clients wait: moto takes seconds for a large transaction where much else
    runs, and whoever asks it again is told that nothing was there to be done."""

    def __init__(self, server: Any) -> None:
        self.options = {**server.options, "config": {"read_timeout": 30}}


class Observed:
    """A storage behind a proxy."""

    def __init__(self, kind: str, proxy: Proxy, client: Any) -> None:
        self.kind, self.proxy, self.clock = kind, proxy, Clock()
        self.storage = dynamodb(Patient(proxy))(self.clock)
        self.storage._connection._has_transactions = kind == "moto"  # else it asks once
        self.table = Contents(client, self.storage)

    def __call__(self, operation: Callable[[], object]) -> dict[str, int]:
        """The requests that it takes."""
        return dict(self.proxy.calls(operation))

    def empty(self) -> None:
        self.table.delete(self.table.items())
        self.storage._stopped.clear()
        self.proxy.clear()

    def record(self, **facts: Any) -> Record:
        return make_record(self.clock, **facts)

    def fill(self, count: int, prefix: str = "", **facts: Any) -> list[str]:
        """So many alike; their ids."""
        width = 43 - len(prefix)
        ids = [f"{prefix}{number:0{width}}" for number in range(count)]
        self.table.fill(dict.fromkeys(ids, self.record(**facts)))
        return ids

    def check(self) -> dict[str, int]:
        """All that was sent would be taken by DynamoDB, and no session was at risk: how many
        requests of each operation. Forgets them."""
        seen, written = self.proxy.requests, []
        self.proxy.clear()
        for request in seen:
            assert_legal(request)
            written += assert_careful(request)
        assert len({version for _, version in written}) == len(written)
        return Counter(request.operation for request in seen)


def observe(kind: str) -> Iterator[Observed]:
    """For a fixture."""
    with Proxy(NODES[kind]) as proxy, closing(connect(NODES[kind])) as client:
        yield Observed(kind, proxy, client)


def assert_careful(request: Any) -> list[tuple[str, str]]:
    """No session is written unless something is true of it, nor without a new version: (id,
    version) of each that it writes. No entry is written that would stay for ever."""
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
    if request.operation == "BatchWriteItem":  # knows no conditions
        (steps,) = request.body["RequestItems"].values()
        assert all(step.keys() == {"DeleteRequest"} for step in steps)
    return []


def _set(body: Any, name: str) -> Any:
    """What an update sets it to."""
    names = body["ExpressionAttributeNames"]
    (placeholder,) = (each for each in names if names[each] == name)
    (value,) = re.findall(rf"(?<!\.){placeholder} = (:\w+)", body["UpdateExpression"])
    return body["ExpressionAttributeValues"][value]
