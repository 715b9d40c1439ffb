"""The command that makes the table of the DynamoDB engine, on moto's server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from botocore.stub import Stubber
from django.core.management import CommandError, call_command

from django_multisession.backends import dynamodb
from django_multisession.management.commands import createsessiontable
from django_multisession.storage.dynamodb import DynamoDBStorage
from django_multisession.storage.dynamodb.table_spec import TableSpec
from django_multisession.storage.dynamodb.table_templates import TEMPLATES
from support.dynamodb_servers import MOTO, connect
from support.servers import HOST, free_port

pytestmark = pytest.mark.thorough  # the server matters here, not Python or Django

SECRET = "wJalrXUtnFEMI"
NOWHERE = {"region_name": "eu-central-1", "endpoint_url": f"http://{HOST}:{free_port()}"}
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET}
PROVISIONED = ["--provisioned", "3", "4"]
WISHES = [*PROVISIONED, "--point-in-time-recovery", "--kms-key", "--deletion-protection"]
WISHES += ["--tag", "team=web", "--tag", "sum=1 + 1 = 2"]


@pytest.fixture
def use(settings, monkeypatch):
    """Let the engine use a server, although SESSION_ENGINE names another one."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    used = []

    def use(options):
        storage = DynamoDBStorage(table=f"test-{uuid4()}", options=options)
        monkeypatch.setattr(dynamodb.SessionStore, "storage", storage)
        used.append(storage)
        return storage

    yield use
    for process in [storage.connection.current_pool for storage in used]:
        if process and process._client:
            process._client.close()


@pytest.fixture
def name(use):
    return use(MOTO.options).table.name


@pytest.fixture
def client():
    with closing(connect(MOTO)) as client:
        yield client


def run(*arguments):
    """Run the command, and return what it writes to stdout and to stderr."""
    streams = [StringIO(), StringIO()]
    stdout, stderr = streams
    call_command("createsessiontable", *arguments, stdout=stdout, stderr=stderr, no_color=True)
    return stdout.getvalue(), stderr.getvalue()


def fails(*arguments):
    """Run the command, which exits with 1, and return its error message."""
    with pytest.raises(CommandError) as raised:
        run(*arguments)
    assert raised.value.returncode == 1
    return str(raised.value)


# It makes the table


def test_it_is_made(name, client):
    assert run() == (
        f"Creating table {name!r} ...\nThe table is active after 0 s.\nTTL is enabled on 'ttl'.\n",
        "",
    )
    table = client.describe_table(TableName=name)["Table"]
    assert table["TableStatus"] == "ACTIVE"
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert [each["AttributeName"] for each in table["KeySchema"]] == ["pk", "sk"]
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def test_a_second_run_looks_whether_all_is_well(name):
    run()
    fine = f"Table {name!r} is as it should be.\n"
    assert run() == (f"Table {name!r} exists.\n{fine}", "")
    assert run("--check") == (fine, "")


def test_a_second_run_changes_nothing(name, client):
    run()
    before = client.describe_table(TableName=name)["Table"]
    assert "--deletion-protection-enabled" in fails("--deletion-protection", "--tag", "a=b")
    assert client.describe_table(TableName=name)["Table"] == before


def test_it_is_made_as_wished(name, client):
    stdout, stderr = run(*WISHES)
    assert "Point-in-time recovery is enabled." in stdout
    assert stderr == ""
    table = client.describe_table(TableName=name)["Table"]
    units = table["ProvisionedThroughput"]
    assert (units["ReadCapacityUnits"], units["WriteCapacityUnits"]) == (3, 4)
    assert table["SSEDescription"]["SSEType"] == "KMS"
    assert table["DeletionProtectionEnabled"]
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "web"}, {"Key": "sum", "Value": "1 + 1 = 2"}]
    assert run("--check", *WISHES) == (f"Table {name!r} is as it should be.\n", "")


def test_a_key_of_ones_own(name, client):
    run("--kms-key", "alias/mine")
    encryption = client.describe_table(TableName=name)["Table"]["SSEDescription"]
    assert encryption["KMSMasterKeyArn"].endswith("alias/mine")


def test_what_could_not_be_done_is_a_warning(use):
    storage = use(MOTO.options)
    with Stubber(storage.connection.pool.client) as stub:
        stub.add_client_error("describe_table", "ResourceNotFoundException")
        stub.add_response("create_table", {})
        stub.add_response("describe_table", {"Table": {"TableStatus": "ACTIVE"}})
        stub.add_client_error("update_time_to_live", "UnknownOperationException")
        _, stderr = run()
    assert stderr == (
        "The server has no TTL. Purge expired sessions regularly: manage.py clearsessions\n"
    )


def test_other_code_can_run_it(name):
    wishes = {"provisioned": [3, 4], "kms_key": "alias/aws/dynamodb", "tag": ["team=web"]}
    call_command("createsessiontable", **wishes, stdout=StringIO())
    call_command("createsessiontable", check=True, **wishes, stdout=StringIO())


def test_a_tag_has_a_name_and_a_value(name):
    for wrong in ("team", "=web", ""):
        assert fails("--tag", wrong) == f"--tag takes NAME=VALUE, not {wrong!r}."


def test_it_needs_neither_database_nor_engine_in_use(tmp_path):
    """And to print, no server: what it prints may become a file."""
    manage = Path(__file__).parents[2] / "testproject" / "manage.py"
    command = [sys.executable, manage, "createsessiontable", "--print", "iam"]
    environment = {"SQLITE": str(tmp_path / "none" / "db.sqlite3"), "PATH": ""}
    environment["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)
    assert "WebProcesses" in done.stderr


# It checks the table


def make(client, name, keys, ttl):
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
    )
    if ttl:
        specification = {"Enabled": True, "AttributeName": ttl}
        client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)


@pytest.mark.parametrize(
    ("keys", "ttl", "told"),
    [
        (["pk", "sk"], None, ["TTL"]),
        (["pk", "sk"], "expires", ["TTL"]),
        (["id"], "ttl", ["The keys"]),
        (["session_key"], None, ["The keys", "TTL"]),
    ],
)
def test_each_difference_is_told(name, client, keys, ttl, told):
    make(client, name, keys, ttl)
    for arguments in ([], ["--check"]):
        title, *lines = fails(*arguments).splitlines()
        assert title == "The table is not as it should be:"
        assert [line.startswith(f"- {each} of ") for line, each in zip(lines, told, strict=True)]


def test_no_table(name):
    assert fails("--check") == (
        "The table is not as it should be:\n"
        f"- The table {name!r} does not exist. Create it: manage.py createsessiontable"
    )


# It prints


def test_what_it_prints_is_what_it_checks(name, client):
    stdout, _ = run("--print", "cloudformation", *PROVISIONED)
    properties = yaml.safe_load(stdout)["Resources"]["Sessions"]["Properties"]
    ttl = properties.pop("TimeToLiveSpecification")
    client.create_table(**properties)
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
    assert run("--check", *PROVISIONED) == (f"Table {name!r} is as it should be.\n", "")


@pytest.mark.parametrize("kind", TEMPLATES)
def test_to_print_asks_nobody(use, kind):
    table = use({}).table
    stdout, stderr = run("--print", kind, "--deletion-protection")
    assert stdout == table.template(kind, TableSpec(deletion_protection=True))
    assert ("WebProcesses" in stderr) is (kind == "iam")


def test_it_prints_what_there_is_to_print():
    assert sorted(createsessiontable.TEMPLATES) == sorted(TEMPLATES)


def test_to_check_and_to_print_are_two_things(name):
    assert "not allowed with" in fails("--check", "--print", "iam")


# What fails outside


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (NOWHERE, ["Unable to locate credentials", "AWS_ACCESS_KEY_ID", "MULTISESSION_DYNAMODB_O"]),
        ({**NOWHERE, **KEYS}, ["Could not connect", "endpoint_url", "MULTISESSION_DYNAMODB_OPT"]),
        (KEYS, ["You must specify a region", "region_name", "MULTISESSION_DYNAMODB_OPTIONS"]),
        ({**KEYS, "region_name": "a b"}, ["region_name 'a b'", "MULTISESSION_DYNAMODB_OPTIONS"]),
        ({**NOWHERE, "endpoint_url": "nowhere"}, ["Invalid endpoint: nowhere"]),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_what_is_not_set_up_is_told_in_a_line(use, options, told, arguments):
    use(options)
    text = fails(*arguments)
    assert all(each in text for each in told)
    assert "\n" not in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("AccessDeniedException", "--print iam"),
        ("ExpiredTokenException", "renew them"),
        ("UnrecognizedClientException", "credentials"),
        ("InvalidSignatureException", "credentials"),
        ("LimitExceededException", "LimitExceededException"),
    ],
)
def test_what_dynamodb_refuses_is_told_in_a_line(use, code, told):
    storage = use({**NOWHERE, **KEYS})
    message = f"No.\n\nThe Canonical String is\nx-amz-security-token:{SECRET}\n\n'"
    with Stubber(storage.connection.pool.client) as stub:
        stub.add_client_error("describe_table", code, message)
        text = fails()
    assert code in text
    assert told in text
    assert "\n" not in text
    assert SECRET not in text


def test_boto3_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "django_multisession.backends.dynamodb", None)
    assert fails().endswith("pip install django-multisession[dynamodb]")


def test_the_settings_are_wrong(settings, monkeypatch):
    settings.MULTISESSION_DYNAMODB_OPTIONS = {"regin": SECRET}
    monkeypatch.delitem(sys.modules, "django_multisession.backends.dynamodb")
    text = fails()
    assert "MULTISESSION_DYNAMODB_OPTIONS" in text
    assert "regin" in text
    assert SECRET not in text


def test_a_bug_is_seen(use, monkeypatch):
    storage = use(MOTO.options)
    monkeypatch.setattr(storage.table, "call", lambda operation, **request: {})
    with pytest.raises(KeyError):
        run()
