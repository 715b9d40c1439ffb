"""Measure the overhead over boto3's client, and the cost of ending 10,000 sessions of one user.

usage: dynamodb.py [--rounds 100] [--sessions 10000]

First, print the processor time of each operation with canned responses, without a network or a
server; and that of the bare client for the same request, both with this package's configuration
and with boto3's default configuration. They take turns, so ratios are more reliable than times.
Then log a user out everywhere on moto and on dynalite. DynamoDB is faster than either, so the
number of requests says more than the seconds.
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
from filling import FACTS, FIELDS, fill_dynamodb

project.django.setup()

import boto3
from botocore.awsrequest import AWSResponse

from django_multisession.core.keys import hash_key
from django_multisession.core.record import Change, Record
from django_multisession.storage.dynamodb import DynamoDBStorage, encoding
from django_multisession.storage.dynamodb.connection import Connection
from support import dynamodb_servers
from support.servers import running

CALLS = 20  # timed together, because the clock of processor time is coarse
TIMED, TRACED, OTHERS = "timed", "traced", 1000
ID = hash_key("session")
OPTIONS = {"region_name": "us-east-1", **dynamodb_servers.KEYS}


class Canned:
    """The body of a canned response, in the form that botocore reads."""

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
BOUND = encoding.new_bound(RECORD.expires_at, RECORD.created_at)
TOUCH, SAVE = change(), change(set={"cart": b"[1, 2, 3]"})
OPERATIONS = (
    Operation("read", "get_item", lambda storage: storage.read(ID)),
    Operation("touch", "update_item", lambda storage: storage.update(ID, TOUCH)),
    Operation("save", "update_item", lambda storage: storage.update(ID, SAVE)),
    Operation("insert", "put_item", lambda storage: storage.insert(ID, RECORD)),
)


def with_canned_answers(client: Any) -> Any:
    """Make the client answer without a network; reads return the session of a logged-in user."""
    answers = {"GetItem": Canned({"Item": encoding.to_item(ID, RECORD, BOUND, "0" * 16)})}

    def answer(request: Any, event_name: str, **kwargs: Any) -> AWSResponse:
        body = answers.get(event_name.rpartition(".")[2], NOTHING)
        return AWSResponse(request.url, 200, HEADERS, body)

    client.meta.events.register("before-send.dynamodb", answer)
    return client


NOTHING = Canned({})
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "0" * 52}


def request_of(storage: DynamoDBStorage, operation: Operation) -> dict[str, Any]:
    """Return the parameters of the request that the operation sends."""
    caught: list[Any] = []
    call, storage.connection.call = (
        storage.connection.call,
        lambda *arguments: caught.append(arguments) or {},
    )
    operation.run(storage)
    storage.connection.call = call
    return dict(caught[0][1])


def processor_time(function: Callable[[], object]) -> float:
    """Return the seconds of processor time of one call."""
    start = time.process_time()
    for _ in range(CALLS):
        function()
    return (time.process_time() - start) / CALLS


def compare(rounds: int) -> None:
    storage = DynamoDBStorage(options=OPTIONS)
    bare, default = Connection(OPTIONS).pool.client, boto3.client("dynamodb", **OPTIONS)
    clients = with_canned_answers(bare), with_canned_answers(default)
    with_canned_answers(storage.connection.pool.client)
    print(f"{'processor':12}{'bare us':>10}{'ours us':>10}{'ratio':>8}{'boto3 us':>10}{'ratio':>8}")
    for operation in OPERATIONS:
        request = request_of(storage, operation)
        bare, default = (
            partial(getattr(client, operation.method), **request) for client in clients
        )
        functions = [bare, partial(operation.run, storage), default]
        times = [[processor_time(function) for function in functions] for _ in range(rounds)]
        line(operation.name, *(median(column) * 1e6 for column in zip(*times, strict=True)))


def line(name: str, bare: float, *others: float) -> None:
    """Print times in microseconds, and the ratios of the others to the first one."""
    ratios = "".join(f"{time:10.0f}{time / bare:8.2f}" for time in others)
    print(f"{name:12}{bare:10.0f}{ratios}")


class QuickMoto(dynamodb_servers.Moto):
    """moto without the copy of the table that it makes for each part of a transaction.

    The copy is for transactions that fail, and none fails in this benchmark.
    """

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
            storage = filled(server, {TIMED: sessions, TRACED: sessions, "others": OTHERS})
            sent = counted(storage.connection.pool.client)
            seconds, busy = timed(partial(log_out, storage, TIMED, sessions))
            requests = ", ".join(f"{count} {operation}" for operation, count in sent.items())
            megabytes = peak_memory(partial(log_out, storage, TRACED, sessions))
            name = name_of(server)
            print(f"{name:12}{sessions:10}{seconds:8.1f}{busy:8.1f}{megabytes:9.1f}   {requests}")


def servers() -> Iterator[dynamodb_servers.Node]:
    """Iterate over the servers that are installed."""
    yield QuickMoto()
    dynalite = dynamodb_servers.Dynalite()
    if shutil.which("node") and dynalite._binary():
        yield dynalite


def name_of(server: dynamodb_servers.Node) -> str:
    return type(server).__name__.removeprefix("Quick").lower()


def filled(server: Any, users: Mapping[str, int]) -> DynamoDBStorage:
    """Create a table with so many sessions of each user. The client has a long timeout."""
    storage = DynamoDBStorage(options={**server.options, "config": {"read_timeout": 60}})
    fill_dynamodb(storage, [user for user, count in users.items() for _ in range(count)])
    return storage


def counted(client: Any) -> Counter[str]:
    """Return a counter of the requests that the client sends from now on, by operation."""
    sent: Counter[str] = Counter()

    def count(event_name: str, **kwargs: Any) -> None:
        sent[event_name.rpartition(".")[2]] += 1

    client.meta.events.register("before-send.dynamodb", count)
    return sent


def log_out(storage: DynamoDBStorage, user: str, sessions: int) -> None:
    ended = sum(1 for _ in storage.delete_matching("user", user))
    assert ended == sessions


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return seconds, and seconds of processor time of this process."""
    start = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def peak_memory(function: Callable[[], object]) -> float:
    """Return the peak of the memory allocated meanwhile, in MB."""
    tracemalloc.start()
    function()
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
