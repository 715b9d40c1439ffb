"""The differences between an existing table and its specification, with remedies."""

from __future__ import annotations

from contextlib import closing

import pytest

from django_multisession.storage.dynamodb import table_diff
from django_multisession.storage.dynamodb.table_diff import Described, findings
from support.dynamodb_servers import MOTO, connect
from support.dynamodb_table_specs import ARN, TAGS, spec, unmade


@pytest.fixture(scope="module")
def client():
    with closing(connect(MOTO)) as client:
        yield client


@pytest.fixture
def table(client):
    return unmade(client)


def make(client, name, keys=("pk:S:HASH", "sk:S:RANGE")):
    """Create a table without the engine."""
    parts = [key.split(":") for key in keys]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": type} for n, type, _ in parts],
        KeySchema=[{"AttributeName": n, "KeyType": kind} for n, _, kind in parts],
    )


def set_ttl(client, name, attribute="ttl"):
    specification = {"Enabled": True, "AttributeName": attribute}
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)


def described(ttl_status="ENABLED", **table):
    keys = [{"AttributeName": n, "KeyType": k} for n, k in (("pk", "HASH"), ("sk", "RANGE"))]
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    fine = {"TableName": "sessions", "TableStatus": "ACTIVE"}
    fine |= {"KeySchema": keys, "AttributeDefinitions": types}
    ttl = {"TimeToLiveStatus": ttl_status, "AttributeName": "ttl"}
    return Described(table=fine | table, ttl=ttl)


def test_there_is_none(table):
    (finding,) = table.differences(spec())
    assert finding.name == "missing"
    assert table.name in finding.problem


@pytest.mark.parametrize(
    "keys",
    [
        ["id:S:HASH"],
        ["pk:S:HASH"],
        ["pk:S:HASH", "sk:N:RANGE"],
        ["pk:B:HASH", "sk:S:RANGE"],
        ["sk:S:HASH", "pk:S:RANGE"],
    ],
)
def test_other_keys(table, client, keys):
    make(client, table.name, keys)
    set_ttl(client, table.name)
    (finding,) = table.differences(spec())
    assert finding.name == "keys"
    assert all(key.split(":")[0] in finding.problem for key in keys)
    assert finding.problem.endswith("they should be pk (S, HASH) and sk (S, RANGE).")
    assert "MULTISESSION_DYNAMODB_TABLE" in finding.remedy


def test_no_ttl(table, client):
    make(client, table.name)
    (finding,) = table.differences(spec())
    assert finding.problem.startswith(
        f"TTL of table {table.name!r} is DISABLED; it should be ENABLED on 'ttl'"
    )
    command = f"--table-name {table.name} --time-to-live-specification Enabled=true,AttributeName="
    assert finding.remedy == f"Run: aws dynamodb update-time-to-live {command}ttl"


def test_ttl_on_another_attribute(table, client):
    make(client, table.name)
    set_ttl(client, table.name, "expires")
    (finding,) = table.differences(spec())
    assert finding.problem.endswith("is on 'expires'; it should be on 'ttl'.")
    first, second = finding.remedy.split("; an hour later: ")
    assert first.endswith("Enabled=false,AttributeName=expires")
    assert second.endswith("Enabled=true,AttributeName=ttl")


@pytest.mark.parametrize(
    ("wish", "value", "remedy"),
    [
        ("capacity", (3, 4), "ReadCapacityUnits=3,WriteCapacityUnits=4"),
        ("point_in_time_recovery", True, "PointInTimeRecoveryEnabled=true"),
        ("kms_key", "alias/aws/dynamodb", "--sse-specification Enabled=true,SSEType=KMS"),
        ("kms_key", ARN, f"Enabled=true,SSEType=KMS,KMSMasterKeyId={ARN}"),
        ("deletion_protection", True, "--deletion-protection-enabled"),
        ("tags", TAGS, "--tags Key=team,Value=web 'Key=cost centre,Value=4 = 2 + 2'"),
    ],
)
def test_only_what_is_planned_is_compared(table, wish, value, remedy):
    table.create(spec(), print)
    assert table.differences(spec()) == []
    (finding,) = table.differences(spec(**{wish: value}))
    assert finding.remedy.startswith("Run: aws dynamodb ")
    assert finding.remedy.endswith(remedy)


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "ARCHIVED", "SOMETHING_NEW"])
def test_a_table_that_cannot_be_used(status):
    (finding,) = findings(described(TableStatus=status), spec())
    assert finding == table_diff.unusable("sessions", status)
    assert status in finding.problem
    assert finding.remedy


def test_a_key_that_cannot_be_used():
    status = "INACCESSIBLE_ENCRYPTION_CREDENTIALS"
    (finding,) = findings(described(TableStatus=status), spec())
    assert "KMS" in finding.remedy


def test_what_is_about_to_be_is_fine():
    assert findings(described("ENABLING", TableStatus="UPDATING"), spec()) == []
    assert [each.name for each in findings(described("DISABLING"), spec())] == ["ttl"]


@pytest.mark.parametrize(
    ("key", "same"),
    [
        ("alias/aws/dynamodb", True),
        ("alias/mine", True),  # perhaps: only KMS knows
        ("arn:aws:kms:eu-central-1:123456789012:alias/mine", True),
        (ARN, True),
        ("one", True),
        ("ne", False),
        (f"{ARN}s", False),
    ],
)
def test_keys_have_many_names(key, same):
    encrypted = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": ARN}
    found = findings(described(SSEDescription=encrypted), spec(kms_key=key))
    assert [each.name for each in found] == ([] if same else ["encryption"])


def test_a_key_that_was_taken_away():
    description = {"Status": "DISABLED", "SSEType": "KMS", "KMSMasterKeyArn": ARN}
    found = findings(described(SSEDescription=description), spec(kms_key=ARN))
    assert f"is the one that AWS owns; it should be {ARN}" in found[0].problem


@pytest.mark.parametrize("summary", [{}, {"BillingModeSummary": {"BillingMode": "PROVISIONED"}}])
def test_capacity_other_than_planned(summary):
    units = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}
    found = described(ProvisionedThroughput=units, **summary)
    assert findings(found, spec(capacity=(3, 4))) == []
    (finding,) = findings(found, spec(capacity=(3, 5)))
    assert finding.problem.endswith(
        "is 3 and 4 units; it should be 3 read units and 5 write units."
    )
