"""The table and its access rights for CloudFormation, Terraform and IAM."""

from __future__ import annotations

import ast
import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from django_multisession.core import keys
from django_multisession.storage import dynamodb as implementation
from django_multisession.storage.dynamodb.table import Table
from django_multisession.storage.dynamodb.table_templates import TEMPLATES
from support.dynamodb_proxy import Proxy
from support.dynamodb_servers import MOTO, connect
from support.dynamodb_table_specs import ARN, EVERYTHING, spec, unmade
from support.subjects import dynamodb


@pytest.fixture(scope="module")
def client():
    with closing(connect(MOTO)) as client:
        yield client


@pytest.fixture
def table(client):
    return unmade(client)


@pytest.mark.parametrize("options", [{}, EVERYTHING | {"kms_key": ARN}])
def test_cloudformation_makes_the_same_table(table, client, options):
    template = yaml.safe_load(table.template("cloudformation", spec(**options)))
    (resource,) = template["Resources"].values()
    assert resource["Type"] == "AWS::DynamoDB::Table"
    arguments = resource["Properties"]
    ttl = arguments.pop("TimeToLiveSpecification")
    recovery = arguments.pop("PointInTimeRecoverySpecification", None)
    if encryption := arguments.get("SSESpecification"):
        encryption["Enabled"] = encryption.pop("SSEEnabled")
    client.create_table(**arguments)
    client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=ttl)
    if recovery:
        client.update_continuous_backups(
            TableName=table.name, PointInTimeRecoverySpecification=recovery
        )
    assert table.differences(spec(**options)) == []


def test_terraform(table):
    text = " ".join(table.template("terraform", spec()).split())
    assert f'resource "aws_dynamodb_table" "sessions" {{ name = "{table.name}" ' in text
    assert 'billing_mode = "PAY_PER_REQUEST" hash_key = "pk" range_key = "sk" ' in text
    assert 'attribute { name = "pk" type = "S" } attribute { name = "sk" type = "S" } ' in text
    assert 'ttl { attribute_name = "ttl" enabled = true } }' in text


def test_terraform_with_everything(table):
    text = " ".join(table.template("terraform", spec(**EVERYTHING)).split())
    assert 'billing_mode = "PROVISIONED" read_capacity = 3 write_capacity = 4 ' in text
    assert "deletion_protection_enabled = true " in text
    assert "server_side_encryption { enabled = true } " in text
    assert "point_in_time_recovery { enabled = true } " in text
    assert 'tags = { "team" = "web" "cost centre" = "4 = 2 + 2" } }' in text
    assert "data" not in text


def test_terraform_with_a_key_of_ones_own(table):
    text = " ".join(table.template("terraform", spec(kms_key="alias/mine")).split())
    assert text.startswith('data "aws_kms_key" "sessions" { key_id = "alias/mine" } resource ')
    assert "{ enabled = true kms_key_arn = data.aws_kms_key.sessions.arn }" in text


def test_nothing_in_a_text_is_a_template_to_terraform(table):
    text = table.template("terraform", spec(tags={"a": '${x} %{y} "z"'}))
    assert '"a" = "$${x} %%{y} \\"z\\""' in text


def statements(table, **options):
    policy = json.loads(table.template("iam", spec(**options)))
    assert policy["Version"] == "2012-10-17"
    return {each["Sid"]: each for each in policy["Statement"]}


def test_rights_are_few_and_for_this_table_only(table):
    allowed = statements(table)
    assert list(allowed) == ["WebProcesses", "Maintenance", "Setup"]
    for statement in allowed.values():
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] == f"arn:aws:dynamodb:*:*:table/{table.name}"
        assert not [action for action in statement["Action"] if "*" in action]
        assert sorted(statement["Action"]) == statement["Action"]
    assert "dynamodb:Scan" not in allowed["WebProcesses"]["Action"]
    assert "dynamodb:DeleteTable" not in str(allowed)


def test_the_rights_of_a_key_of_ones_own(table):
    assert "Key" not in statements(table, kms_key="alias/aws/dynamodb")
    by_id = statements(table, kms_key="one")["Key"]
    assert by_id["Resource"] == "arn:aws:kms:*:*:key/one"
    assert statements(table, kms_key=ARN)["Key"] == by_id | {"Resource": ARN}
    assert by_id["Condition"] == {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}
    for alias in ("alias/mine", "arn:aws:kms:eu-central-1:123456789012:alias/mine"):
        condition = statements(table, kms_key=alias)["Key"]["Condition"]
        assert condition["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/mine"}


def operations(client, *, of_table):
    """Return the operations that a module of the storage names, as texts or as verbs of a write."""
    python_names = client.meta.method_to_api_mapping
    for path in Path(implementation.__file__).parent.glob("*.py"):
        if (path.stem == "table") is of_table:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and node.value in python_names:
                    yield python_names[node.value]


def test_everything_that_is_done_is_allowed(table, client):
    allowed = {
        sid: {action.removeprefix("dynamodb:") for action in statement["Action"]}
        for sid, statement in statements(table).items()
    }
    assert set(operations(client, of_table=True)) == allowed["Setup"] - {"TagResource"}
    # A transaction needs the rights of what it consists of.
    used = set(operations(client, of_table=False)) - {"TransactWriteItems"}
    assert used
    assert used <= allowed["WebProcesses"] | allowed["Maintenance"]


def test_web_processes_may_hold_leases_and_ask_for_them(clock):
    names, soon = [keys.new_handle() for _ in range(101)], clock.now + timedelta(minutes=1)
    with Proxy(MOTO) as proxy:
        storage = dynamodb(proxy)(clock)
        allowed = statements(storage.table)["WebProcesses"]["Action"]
        before = len(proxy.requests)
        for owner, until in [("ann", soon), ("bob", soon), ("ann", clock.now)]:
            storage.acquire_lease(names[0], owner, until)
        storage.active_leases(names)
        used = {f"dynamodb:{each.operation}" for each in proxy.requests[before:]}
    assert used == {"dynamodb:PutItem", "dynamodb:BatchGetItem"}
    assert used <= {*allowed}


def test_each_action_is_one(table, client):
    known = set(client.meta.method_to_api_mapping.values())
    for statement in statements(table).values():
        assert {action.removeprefix("dynamodb:") for action in statement["Action"]} <= known


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_asks_nobody(kind):
    text = Table("sessions", pytest.fail).template(kind, spec(**EVERYTHING))
    assert text.endswith("\n")
    assert "sessions" in text
