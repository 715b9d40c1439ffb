"""The DynamoDB table: creating it, waiting for it, comparing it with its specification."""

from __future__ import annotations

from contextlib import closing
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from django_multisession.storage.dynamodb import DynamoDBStorage
from django_multisession.storage.dynamodb import table as table_module
from django_multisession.storage.dynamodb.table import DEADLINE, Table, TableError
from django_multisession.storage.dynamodb.table_spec import request
from support.dynamodb_answers import Answer, error
from support.dynamodb_servers import DYNALITE, MOTO, NODES, connect
from support.dynamodb_table_specs import EVERYTHING, TAGS, spec
from support.servers import HOST, free_port
from support.subjects import make_record


@pytest.fixture
def reached(request, moto):
    """The server in which tables are created: moto, behind a proxy that can cause faults."""
    moto.clear()
    return getattr(request, "param", moto)


@pytest.fixture
def storage(reached):
    storage = DynamoDBStorage(table=f"test-{uuid4()}", options=reached.options)
    yield storage
    storage.connection.pool.client.close()


@pytest.fixture
def table(storage):
    return storage.table


@pytest.fixture
def client(reached):
    with closing(connect(reached)) as client:
        yield client


@pytest.fixture(autouse=True)
def time(monkeypatch):
    """The pauses so far, in seconds. Nobody really waits, and the clock shows their sum."""
    slept: list[float] = []
    monkeypatch.setattr(table_module, "sleep", slept.append)
    monkeypatch.setattr(table_module, "monotonic", lambda: sum(slept))
    return slept


@pytest.fixture
def told():
    return []


def names(findings):
    return [finding.name for finding in findings]


def make(client, name):
    """Create a table without the engine."""
    client.create_table(**request(name, spec()))


def says(status):
    """Return a fault: the table exists and has this status."""

    def fault(request, forward):
        table = {"TableName": request.body["TableName"], "TableStatus": status}
        return Answer.made({"Table": table})

    return fault


# Created


@pytest.mark.parametrize("reached", NODES.values(), ids=NODES, indirect=True)
def test_a_new_table_takes_sessions(storage, clock):
    assert not storage.table.exists()
    assert storage.table.create(spec(), print).created
    assert storage.table.exists()
    assert storage.insert("a" * 43, make_record(clock))
    assert storage.read("a" * 43)


def test_a_new_table_is_as_it_should_be(table, told):
    assert table.create(spec(), told.append) == (True, [])
    assert table.differences(spec()) == []
    assert told == [
        f"Creating table {table.name!r} ...",
        "The table is active after 0 s.",
        "TTL is enabled on 'ttl'.",
    ]


def test_a_new_table_is_as_planned(table, told):
    assert table.create(spec(**EVERYTHING), told.append) == (True, [])
    assert told[-1] == "Point-in-time recovery is enabled."
    assert table.differences(spec(**EVERYTHING)) == []


def test_what_is_not_wanted_is_not_mentioned(table, moto):
    table.create(spec(), print)
    (creation,) = [each for each in moto.requests if each.operation == "CreateTable"]
    assert creation.body.keys() == {"TableName", "KeySchema", "AttributeDefinitions", "BillingMode"}


def test_requests(table, moto):
    assert moto.calls(lambda: table.create(spec(), print)) == {
        "DescribeTable": 2,
        "CreateTable": 1,
        "UpdateTimeToLive": 1,
    }
    assert moto.calls(lambda: table.create(spec(), print)) == {"DescribeTable": 1}
    twice = {"DescribeTable": 1, "DescribeTimeToLive": 1}
    assert moto.calls(lambda: table.differences(spec())) == twice
    more = {"DescribeContinuousBackups": 1, "ListTagsOfResource": 1}
    assert moto.calls(lambda: table.differences(spec(**EVERYTHING))) == twice | more
    assert moto.calls(table.exists) == {"DescribeTable": 1}


@pytest.mark.parametrize("reached", [DYNALITE], indirect=True)
def test_a_server_that_knows_less(table):
    created, warnings = table.create(spec(point_in_time_recovery=True), print)
    assert created
    assert names(warnings) == ["ttl", "recovery"]
    assert "clearsessions" in warnings[0].remedy
    found = table.differences(spec(point_in_time_recovery=True))
    assert names(found) == ["ttl", "recovery"]
    assert "not supported by the server" in found[1].problem


def test_a_server_that_knows_nothing_of_ttl(table, moto):
    table.create(spec(), print)
    moto.refuse("UnknownOperationException", "DescribeTimeToLive")
    assert "is not supported by the server" in table.differences(spec())[0].problem


# A table that is there, or about to be


def test_a_table_that_exists_is_left_alone(table, client, told):
    make(client, table.name)
    before = client.describe_table(TableName=table.name)["Table"]
    assert table.create(spec(**EVERYTHING), told.append) == (False, [])
    assert client.describe_table(TableName=table.name)["Table"] == before
    assert told == []


def test_a_table_that_somebody_else_makes_is_waited_for(table, client, moto, told, time):
    make(client, table.name)
    moto.strike(says("CREATING"), "DescribeTable", times=5)
    assert table.create(spec(), told.append) == (False, [])
    assert told[1:] == ["CREATING for 1 s ...", "CREATING for 3 s ...", *told[-2:]]
    assert told[-2:] == ["The table is active after 6 s.", "TTL is enabled on 'ttl'."]
    assert table.differences(spec()) == []


def test_somebody_else_is_faster(table, client, moto):
    moto.before(lambda: make(client, table.name), "CreateTable")
    assert table.create(spec(), print) == (False, [])
    assert table.differences(spec()) == []


def test_dynamodb_may_not_know_at_once_what_was_created(table, moto, told):
    moto.refuse("ResourceNotFoundException", "DescribeTable", times=4)
    table.create(spec(), told.append)
    assert "CREATING for 1 s ..." in told


def test_waiting_ends(table, moto, time):
    moto.strike(says("CREATING"), "DescribeTable", times=1000)
    with pytest.raises(TableError, match=f"{table.name}' is CREATING, .* s. Wait a moment"):
        table.create(spec(), print)
    assert DEADLINE <= sum(time) <= DEADLINE + 5


def test_a_table_that_ends_while_it_is_waited_for(table, moto):
    moto.strike(says("CREATING"), "DescribeTable", times=2)
    moto.strike(says("DELETING"), "DescribeTable")
    with pytest.raises(TableError, match=r"is DELETING, .* Wait until it is deleted"):
        table.create(spec(), print)


# TTL and recovery


def test_somebody_else_enabled_ttl(table, moto):
    def enabled_already(request, forward):
        forward(request)
        return error("ValidationException", "TimeToLive is already enabled")

    moto.strike(enabled_already, "UpdateTimeToLive")
    assert table.create(spec(), print) == (True, [])


@pytest.mark.parametrize("code", ["ValidationException", "ResourceInUseException"])
def test_ttl_cannot_be_enabled_now(table, moto, code):
    text = "Time to live has been modified multiple times within a fixed interval"
    moto.refuse(code, "UpdateTimeToLive", message=text)
    (warning,) = table.create(spec(), print).warnings
    assert warning.problem == f"TTL is not enabled: {text}."
    assert warning.remedy.startswith("An hour after its last change, run: aws dynamodb update-time")


@pytest.mark.parametrize("verb", ["CreateTable", "UpdateTimeToLive", "UpdateContinuousBackups"])
def test_what_fails_is_raised(table, moto, verb):
    moto.refuse("AccessDeniedException", verb)
    with pytest.raises(ClientError, match="AccessDenied"):
        table.create(spec(**EVERYTHING), print)


@pytest.mark.parametrize(
    "verb", ["DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource"]
)
def test_what_may_not_be_seen_is_not_taken_for_wrong(table, moto, verb):
    table.create(spec(**EVERYTHING), print)
    moto.refuse("AccessDeniedException", verb)
    with pytest.raises(ClientError, match="AccessDenied"):
        table.differences(spec(**EVERYTHING))


def test_backups_come_a_moment_after_the_table(table, moto, told):
    code = "ContinuousBackupsUnavailableException"
    moto.refuse(code, "UpdateContinuousBackups", times=3)
    options = spec(point_in_time_recovery=True)
    assert table.create(options, told.append) == (True, [])
    assert told[-2:] == ["Waiting for backups for 1 s ...", "Point-in-time recovery is enabled."]
    assert table.differences(options) == []


def test_backups_that_do_not_come(table, moto):
    code = "ContinuousBackupsUnavailableException"
    moto.refuse(code, "UpdateContinuousBackups", times=1000)
    (warning,) = table.create(spec(point_in_time_recovery=True), print).warnings
    assert "Later, run: aws dynamodb update-continuous-backups" in warning.remedy


# Whether there is one


def test_only_a_table_that_is_not_there_does_not_exist(table, moto):
    for code in ("AccessDeniedException", "ValidationException", "ExpiredTokenException"):
        moto.refuse(code, "DescribeTable")
        with pytest.raises(ClientError, match=code):
            table.exists()


def test_an_outage_is_no_missing_table():
    options = {**MOTO.server.options, "endpoint_url": f"http://{HOST}:{free_port()}"}
    storage = DynamoDBStorage(options=options)
    for verb in (storage.table.exists, lambda: storage.table.create(spec(), print)):
        with pytest.raises(EndpointConnectionError):
            verb()
    storage.connection.pool.client.close()


def test_tags_come_in_pages(table, moto):
    table.create(spec(tags=TAGS), print)
    page = {"Tags": [{"Key": "team", "Value": "web"}], "NextToken": "next"}
    last = {"Tags": [{"Key": "cost centre", "Value": "4 = 2 + 2"}]}
    for body in (page, last):
        answer = Answer.made(body)
        moto.strike(lambda request, forward, answer=answer: answer, "ListTagsOfResource")
    assert table.differences(spec(tags=TAGS)) == []
    assert moto.requests[-1].body["NextToken"] == "next"


# What is told


def test_what_was_signed_is_not_told():
    text = "The signature does not match.\n\nThe Canonical String is\n'x-amz-security-token:SECRET"
    error = ClientError({"Error": {"Code": "InvalidSignatureException"}}, "DescribeTable")
    error.args = (f"{text}\nabcdef' (Check the credentials.)",)
    expected = "The signature does not match. abcdef' (Check the credentials.)"
    assert Table.error_text(error) == expected
    assert Table.error_text(TableError("Wait.")) == "Wait."
    assert Table.error_text(ValueError()) == "ValueError"
    assert Table.error_text(TypeError("a bug")) is None
