"""The proxy that records requests to DynamoDB and spoils answers, seen by a boto3 client."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from support.dynamodb_answers import Request
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import DYNALITE, MOTO, Dynalite, connect
from support.dynamodb_tables import Table
from support.servers import running


@pytest.fixture(params=[MOTO, DYNALITE], ids=["moto", "dynalite"])
def proxy(request):
    with Proxy(request.param) as proxy:
        yield proxy


on_moto = pytest.mark.parametrize("proxy", [MOTO], indirect=True)  # which has transactions


@pytest.fixture
def client(proxy):
    with closing(connect(proxy, read_timeout=1, max_pool_connections=16)) as client:
        yield client


@pytest.fixture
def table(proxy, client):
    table = Table(client, f"sessions-{uuid4()}")
    table.create()
    proxy.clear()
    yield table
    proxy.clear()
    client.delete_table(TableName=table.name)


def refusal(call, *args):
    with pytest.raises(ClientError) as caught:
        call(*args)
    return caught.value.response


def test_what_passes_is_noted(proxy, table):
    assert proxy.calls(lambda: (table.put(), table.put("t"), table.get())) == {
        "PutItem": 2,
        "GetItem": 1,
    }
    assert proxy.requests[-1] == Request("GetItem", {"TableName": table.name, "Key": table.key()})
    assert table.get()["Item"] == {**table.key(), "x": {"S": "1"}}
    assert proxy.struck == 0
    proxy.clear()
    assert proxy.requests == []


def test_the_answer_is_the_servers(table):
    headers = table.get()["ResponseMetadata"]["HTTPHeaders"]
    assert headers.keys() >= {"x-amz-crc32", "x-amzn-requestid", "content-length"}


def test_an_error_of_the_server_passes(table):
    assert refusal(table.update, "SET ttl = pk")["Error"]["Code"] == "ValidationException"


def test_connections_are_kept(proxy, table):
    before = proxy.connections
    for _ in range(10):
        table.put()
    assert proxy.connections == before


def test_threads(proxy, table):
    proxy.lose("PutItem", times=5, after=20)

    def put(number):
        try:
            return bool(table.put(number))
        except ConnectionClosedError:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert Counter(pool.map(put, range(64))) == {True: 59, False: 5}
    assert len(proxy.requests) == 64
    assert table.query()["Count"] == 64


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (lambda proxy: proxy.throttle(), "ProvisionedThroughputExceededException", 400),
        (lambda proxy: proxy.throttle(code="ThrottlingException"), "ThrottlingException", 400),
        (lambda proxy: proxy.fail(), "InternalServerError", 500),
        (lambda proxy: proxy.conflict(), "TransactionConflictException", 400),
        (lambda proxy: proxy.refuse("ExpiredTokenException"), "ExpiredTokenException", 400),
    ],
)
def test_refusals(proxy, table, spoil, code, status):
    spoil(proxy)
    response = refusal(table.put)
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert proxy.struck == 1
    assert "Item" not in table.get()


def test_a_refusal_is_the_exception_that_botocore_has_for_it(proxy, client, table):
    proxy.throttle(times=2)
    for _ in range(2):
        with pytest.raises(client.exceptions.ProvisionedThroughputExceededException, match="Rate"):
            table.put()


@pytest.mark.parametrize(
    ("spoil", "error", "is_done"),
    [
        (lambda proxy: proxy.drop("PutItem"), ConnectionClosedError, False),
        (lambda proxy: proxy.hang("PutItem"), ReadTimeoutError, False),
        (lambda proxy: proxy.lose("PutItem"), ConnectionClosedError, True),
        (lambda proxy: proxy.lose("PutItem", hang_up=False), ReadTimeoutError, True),
    ],
    ids=["drop", "hang", "lose", "late"],
)
def test_no_answer(proxy, table, spoil, error, is_done):
    spoil(proxy)
    with pytest.raises(error):
        table.put()
    assert proxy.struck == 1
    assert ("Item" in table.get()) == is_done


def test_the_client_tries_again(proxy, table):
    for fault in (proxy.throttle, proxy.fail, proxy.drop, proxy.lose):
        proxy.clear()
        fault("PutItem")
        with closing(connect(proxy, retries={"total_max_attempts": 2})) as client:
            Table(client, table.name).put()
        assert (proxy.struck, len(proxy.requests)) == (1, 2)


@on_moto
def test_a_transaction_is_cancelled(proxy, client, table):
    proxy.conflict("TransactWriteItems")
    proxy.conflict("TransactWriteItems", "None", "ConditionalCheckFailed", "ThrottlingError")
    for reasons in (
        ["TransactionConflict", "None", "None"],
        ["None", "ConditionalCheckFailed", "ThrottlingError"],
    ):
        with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
            table.transact("a", "b", "c")
        assert [each["Code"] for each in caught.value.response["CancellationReasons"]] == reasons
    assert table.transact("a", "b", "c")


def test_batches_are_written_in_part(proxy, table):
    proxy.partial(2, times=2)
    for sks, left in (("abc", ["c"]), ("de", [])):
        unprocessed = table.write_batch(sks)["UnprocessedItems"]
        puts = [put["PutRequest"]["Item"] for put in unprocessed.get(table.name, [])]
        assert puts == [table.key(sk) for sk in left]
    assert table.query()["Count"] == 4
    assert proxy.struck == 2


def test_batches_are_read_in_part(proxy, table):
    table.write_batch("abc")
    for passed in (2, 0):
        proxy.partial(passed, "BatchGetItem")
        answer = table.read_batch("abc")
        left = [table.key(sk) for sk in "abc"[passed:]]
        assert len(answer["Responses"][table.name]) == passed
        assert answer["UnprocessedKeys"] == {table.name: {"Keys": left}}


def test_only_what_is_meant_is_met(proxy, table):
    proxy.fail("PutItem", times=2, after=1)
    proxy.drop(lambda request: request.body.get("Key") == table.key("t"))
    assert table.put()
    assert table.get()
    for _ in range(2):
        assert refusal(table.put)["Error"]["Code"] == "InternalServerError"
    assert table.put()
    with pytest.raises(ConnectionClosedError):
        table.get("t")
    assert table.get("t")
    assert proxy.struck == 3


def test_something_happens_in_between(proxy, table):
    with closing(connect(proxy.server)) as other:
        proxy.before(lambda: Table(other, table.name, table.partition).put(), "UpdateItem")
        answer = table.update("SET y = :v", None, {":v": {"S": "1"}}, ReturnValues="ALL_NEW")
    assert answer["Attributes"].keys() == {"pk", "sk", "x", "y"}


def test_the_server_goes_and_comes_back():
    with running(Dynalite()) as server, Proxy(server) as proxy, closing(connect(proxy)) as client:
        table = Table(client)
        table.create()
        server.kill()
        with pytest.raises(ConnectionClosedError):
            table.put()
        server.start()
        assert table.put()
