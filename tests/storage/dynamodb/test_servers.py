"""Differences of moto and dynalite from DynamoDB and from each other, which tests rely on."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from support import servers
from support.dynamodb_servers import DYNALITE, MOTO, Dynalite, Moto, connect
from support.dynamodb_tables import Table
from support.servers import running

KB = 1024
SAME = {"#a": "x", "#b": "x"}
V = {":v": {"S": "1"}}
SERVERS = {"moto": MOTO, "dynalite": DYNALITE}

OK, FAILED = "ok", "ConditionalCheckFailedException"
INVALID, UNKNOWN = "ValidationException", "UnknownOperationException"
CANCELLED, BROKEN = "TransactionCanceledException", "500"


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    # The parameters are checked by the server, not by the client.
    with closing(connect(SERVERS[request.param], parameter_validation=False)) as client:
        Table(client).create()
        yield request.param, client
        client.delete_table(TableName="sessions")


@pytest.fixture
def table(server):
    return Table(server[1])


def outcome(call: Any, table: Table) -> object:
    """Return the code of the error, or the part of the answer that matters."""
    try:
        answer = call(table)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return OK if answer is None or isinstance(answer, dict) else answer


def set_fields(table: Table, count: int, alias: str = "") -> Any:
    names = {f"#{alias}{n}": f"field{n}" for n in range(count)}
    return table.update(f"SET {', '.join(f'{n} = :v' for n in names)}", names, V)


def set_field(table: Table, number: int) -> Any:
    return table.update("SET #f = :v", {"#f": f"field{number}"}, V)


def project_twice(table: Table) -> Any:
    return table.get(ProjectionExpression="#a, #b", ExpressionAttributeNames=SAME)


def start_elsewhere(table: Table) -> Any:
    return table.query(ExclusiveStartKey=Table(None).key())


def has_empty_last_page(table: Table) -> bool:
    table.put()
    return "LastEvaluatedKey" in table.query(Limit=1)


def put_largest(table: Table) -> Any:
    """Put the largest item that the server accepts. Names count as well as values."""
    return table.put("s", "x" * (400 * KB - len("pk" + table.partition + "sk" + "s" + "x")))


def refused_with_item(table: Table) -> bool:
    table.put()
    try:
        table.put(
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ClientError as error:
        return "Item" in error.response


def compare_types(table: Table) -> Any:
    table.put()
    return table.put(ConditionExpression="x > :n", ExpressionAttributeValues={":n": {"N": "1"}})


def repeat_transaction(table: Table) -> Any:
    token = str(uuid4())  # botocore makes one for each call, and sends it again when it retries
    table.transact("a", ClientRequestToken=token)
    return table.transact("a", ClientRequestToken=token)


def enable_ttl_twice(table: Table) -> Any:
    table.enable_ttl()
    return table.enable_ttl()


def delete_protected(table: Table) -> Any:
    other = Table(table.client, f"protected-{uuid4()}")
    other.create(DeletionProtectionEnabled=True)
    return table.client.delete_table(TableName=other.name)


def unprocessed(table: Table) -> int:
    """Return what is left of 6 items of 300 KB.

    An answer of DynamoDB has 16 MB, and one of dynalite has 1 MB.
    """
    for sk in range(6):
        table.put(sk, "x" * 300 * KB)
    return len(table.read_batch(range(6))["UnprocessedKeys"].get(table.name, {}).get("Keys", []))


def units(table: Table) -> float:
    answer = table.put(text="x" * 3000, ReturnConsumedCapacity="TOTAL")
    return answer["ConsumedCapacity"]["CapacityUnits"]


FACTS = [  # what, and its outcome on DynamoDB (as documented), moto and dynalite
    # Refused by all.
    ("a batch names an item twice", lambda t: t.write_batch("aa"), *[INVALID] * 3),
    ("101 reads in a batch", lambda t: t.read_batch(range(101)), *[INVALID] * 3),
    ("paths overlap", lambda t: t.update("SET #a = :v REMOVE #b", SAME, V), *[INVALID] * 3),
    ("reserved word", lambda t: t.update("SET ttl = :v", None, V), *[INVALID] * 3),
    ("unused name", lambda t: t.update("SET x = :v", {"#a": "x"}, V), *[INVALID] * 3),
    ("map is missing", lambda t: t.update("SET m.x = :v", None, V), *[INVALID] * 3),
    ("item over 400 KB", lambda t: t.put(text="x" * 400 * KB), *[INVALID] * 3),
    ("sort key over 1 KB", lambda t: t.put("s" * (KB + 1)), *[INVALID] * 3),
    # Refused by DynamoDB, but not by moto.
    ("26 writes in a batch", lambda t: t.write_batch(range(26)), INVALID, OK, INVALID),
    ("no write in a batch", lambda t: t.write_batch(()), INVALID, OK, INVALID),
    ("name of two letters", lambda t: Table(t.client, "ab").create(), INVALID, OK, INVALID),
    ("path twice in a projection", project_twice, INVALID, OK, INVALID),
    ("page starts elsewhere", start_elsewhere, INVALID, OK, INVALID),
    ("TTL enabled again", enable_ttl_twice, INVALID, OK, UNKNOWN),
    # Refused by DynamoDB alone.
    ("expression over 4 KB", lambda t: set_fields(t, 50, "a" * 100), INVALID, OK, OK),
    # Done by DynamoDB, but not by moto.
    ("150 fields set", lambda t: set_fields(t, 150), OK, OK, OK),
    ("200 fields set", lambda t: set_fields(t, 200), OK, BROKEN, OK),
    ("text compared with a number", compare_types, FAILED, BROKEN, FAILED),
    ("name is missing", lambda t: t.update("SET #a = :v", None, V), INVALID, BROKEN, INVALID),
    ("transaction sent again", repeat_transaction, OK, CANCELLED, UNKNOWN),
    ("item of 400 KB, to the byte", put_largest, OK, INVALID, OK),
    ("full page, then nothing", has_empty_last_page, True, False, True),
    ("units of a write of 3 KB", units, 3, 1, 3),
    # Done by DynamoDB, but not by dynalite.
    ("transaction", lambda t: t.transact("a", "b"), OK, OK, UNKNOWN),
    ("TTL enabled", lambda t: t.enable_ttl(), OK, OK, UNKNOWN),
    ("refused with the item", refused_with_item, True, True, False),
    ("protected table deleted", delete_protected, INVALID, INVALID, OK),
    ("unprocessed keys", unprocessed, 0, 0, 2),
]


@pytest.mark.parametrize(
    ("call", "outcomes"), [pytest.param(call, rest, id=what) for what, call, *rest in FACTS]
)
def test_fact(server, call, outcomes):
    kind, client = server
    _, *theirs = outcomes
    assert outcome(call, Table(client)) == dict(zip(SERVERS, theirs, strict=True))[kind]


@pytest.mark.parametrize("kind", [Moto, Dynalite])
def test_a_server_that_was_killed_is_started_again(kind):
    with running(kind()) as server, closing(connect(server)) as client:
        Table(client).create()
        server.kill()
        with pytest.raises(EndpointConnectionError):
            client.list_tables()
        server.start()
        kept = [] if kind is Moto else ["sessions"]
        assert client.list_tables()["TableNames"] == kept


@pytest.mark.parametrize("variable", ["MULTISESSION_DYNALITE", "PATH"])
def test_missing(variable, monkeypatch):
    monkeypatch.setattr(servers, "REQUIRED", True)
    monkeypatch.setenv(variable, "/nowhere")
    with pytest.raises(pytest.fail.Exception):
        Dynalite().start()


def test_one_of_those_who_race_wins(table):
    def put(_):
        new = "attribute_not_exists(pk)"
        return outcome(lambda table: table.put(ConditionExpression=new), table)

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(put, range(16))) == {OK: 1, FAILED: 15}


def test_updates_beside_transactions_that_fail(server):
    """moto would undo these updates; see `support/moto_server.py`."""
    kind, client = server
    table = Table(client)
    table.put("taken")

    def work(number):
        transaction = outcome(lambda table: table.transact(number, "taken"), table)
        return transaction, outcome(lambda table: set_field(table, number), table)

    with ThreadPoolExecutor(8) as pool:
        refusal = UNKNOWN if kind == "dynalite" else CANCELLED
        assert set(pool.map(work, range(80))) == {(refusal, OK)}
    assert len(table.get()["Item"]) == 2 + 80
