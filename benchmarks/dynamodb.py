"""What do we add to boto3's client? And what does it take to end 10,000 sessions of one user?

usage: dynamodb.py [--rounds 100] [--sessions 10000]

First the processor time of each operation, with canned answers: no network, no server. Beside it,
for the same request, the bare client: with the configuration that we give it, and with boto3's own.
They take turns, so a ratio is worth more than a figure. Then, on moto and on dynalite, a user logs
out everywhere. DynamoDB is quicker than either: the requests tell more than the seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import project
from crowds import FACTS, FIELDS, fill_dynamodb

project.django.setup()

import boto3
import dynamodb_servers
from botocore.awsrequest import AWSResponse
from servers import running

from django_multisession.core.keys import hash_key
from django_multisession.core.record import Change, Record
from django_multisession.storage.dynamodb import DynamoDBStorage, encoding
from django_multisession.storage.dynamodb.connection import Connection

CALLS = 20  # in a row: the clock of the processor is coarse
TIMED, WEIGHED, OTHERS = "timed", "weighed", 1000
ID = hash_key("session")
OPTIONS = {"region_name": "us-east-1", **dynamodb_servers.KEYS}


class Canned:
    """The body of an answer, which never was on its way."""

    def __init__(self, answer: Any) -> None:
        self.data = json.dumps(answer).encode()

    def stream(self) -> Iterator[bytes]:
        yield self.data


def change(**fields: Any) -> Change:
    return Change(last_seen_at=FACTS["last_seen_at"], expires_at=FACTS["expires_at"], **fields)


class Operation(NamedTuple):
    name: str
    method: str  # of boto3's client
    run: Callable[[DynamoDBStorage], object]


RECORD = Record(**FACTS, fields=FIELDS)
BOUND = encoding.bound_of(RECORD.expires_at, RECORD.created_at)
TOUCH, SAVE = change(), change(set={"cart": b"[1, 2, 3]"})
OPERATIONS = (
    Operation("read", "get_item", lambda storage: storage.read(ID)),
    Operation("touch", "update_item", lambda storage: storage.update(ID, TOUCH)),
    Operation("save", "update_item", lambda storage: storage.update(ID, SAVE)),
    Operation("insert", "put_item", lambda storage: storage.insert(ID, RECORD)),
)


def answering(client: Any) -> Any:
    """The client, with a session of somebody who is logged in to read, and without a network."""
    answers = {"GetItem": Canned({"Item": encoding.of_record(ID, RECORD, BOUND, "0" * 16)})}

    def answer(request: Any, event_name: str, **kwargs: Any) -> AWSResponse:
        body = answers.get(event_name.rpartition(".")[2], NOTHING)
        return AWSResponse(request.url, 200, HEADERS, body)

    client.meta.events.register("before-send.dynamodb", answer)
    return client


NOTHING = Canned({})
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "0" * 52}


def sent(storage: DynamoDBStorage, operation: Operation) -> dict[str, Any]:
    """The request."""
    caught: list[Any] = []
    call, storage._connection.call = (
        storage._connection.call,
        lambda *asked: caught.append(asked) or {},
    )
    operation.run(storage)
    storage._connection.call = call
    return dict(caught[0][1])


def processor(way: Callable[[], object]) -> float:
    """Seconds a call."""
    start = time.process_time()
    for _ in range(CALLS):
        way()
    return (time.process_time() - start) / CALLS


def compare(rounds: int) -> None:
    storage = DynamoDBStorage(options=OPTIONS)
    bare, default = Connection(OPTIONS).process.client, boto3.client("dynamodb", **OPTIONS)
    clients = answering(bare), answering(default)
    answering(storage._connection.process.client)
    print(f"{'processor':12}{'bare us':>10}{'ours us':>10}{'ratio':>8}{'boto3 us':>10}{'ratio':>8}")
    for operation in OPERATIONS:
        asked = sent(storage, operation)
        bare, default = (partial(getattr(each, operation.method), **asked) for each in clients)
        ways = [bare, partial(operation.run, storage), default]
        times = [[processor(way) for way in ways] for _ in range(rounds)]
        line(operation.name, *(median(column) * 1e6 for column in zip(*times, strict=True)))


def line(name: str, bare: float, *others: float) -> None:
    """The first is the measure of the others."""
    ratios = "".join(f"{each:10.0f}{each / bare:8.2f}" for each in others)
    print(f"{name:12}{bare:10.0f}{ratios}")


class QuickMoto(dynamodb_servers.Moto):
    """moto copies the table for each part of a transaction, in case it fails. Here none does."""

    def _command(self) -> list[object]:
        python, *serve = super()._command()
        return [python, "-c", UNCOPIED, *serve]


UNCOPIED = """
import copy, runpy, sys, types
from moto.dynamodb import models
deepcopy = lambda thing: thing if isinstance(thing, models.Table) else copy.deepcopy(thing)
models.copy = types.SimpleNamespace(deepcopy=deepcopy)
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bulk(sessions: int) -> None:
    print(f"\n{'log out':12}{'sessions':>10}{'s':>8}{'CPU s':>8}{'peak MB':>9}   requests")
    for server in servers():
        with running(server):
            storage = filled(server, {TIMED: sessions, WEIGHED: sessions, "others": OTHERS})
            sent = counted(storage._connection.process.client)
            seconds, busy = timed(partial(log_out, storage, TIMED, sessions))
            requests = ", ".join(f"{count} {operation}" for operation, count in sent.items())
            megabytes = weighed(partial(log_out, storage, WEIGHED, sessions))
            name = name_of(server)
            print(f"{name:12}{sessions:10}{seconds:8.1f}{busy:8.1f}{megabytes:9.1f}   {requests}")


def servers() -> Iterator[dynamodb_servers.Node]:
    """Those that are installed."""
    yield QuickMoto()
    dynalite = dynamodb_servers.Dynalite()
    if shutil.which("node") and dynalite._binary():
        yield dynalite


def name_of(server: dynamodb_servers.Node) -> str:
    return type(server).__name__.removeprefix("Quick").lower()


def filled(server: Any, users: Mapping[str, int]) -> DynamoDBStorage:
    """A table with so many sessions of each, and a client that waits for a slow server."""
    storage = DynamoDBStorage(options={**server.options, "config": {"read_timeout": 60}})
    fill_dynamodb(storage, [user for user, count in users.items() for _ in range(count)])
    return storage


def counted(client: Any) -> Counter[str]:
    """The requests that it sends from now on."""
    sent: Counter[str] = Counter()

    def count(event_name: str, **kwargs: Any) -> None:
        sent[event_name.rpartition(".")[2]] += 1

    client.meta.events.register("before-send.dynamodb", count)
    return sent


def log_out(storage: DynamoDBStorage, user: str, sessions: int) -> None:
    ended = sum(1 for _ in storage.delete_matching("user", user))
    assert ended == sessions


def timed(way: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of this process's processor time."""
    start = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def weighed(way: Callable[[], object]) -> float:
    """By how many MB memory grows meanwhile."""
    tracemalloc.start()
    way()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--sessions", type=int, default=10_000)
    arguments = parser.parse_args()
    compare(arguments.rounds)
    bulk(arguments.sessions)


if __name__ == "__main__":
    main()
