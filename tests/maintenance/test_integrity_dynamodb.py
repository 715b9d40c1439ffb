"""Faults of a DynamoDB table that `checksessions` finds; its remedies are carried out."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta

import pytest
from django.core.management import call_command

from django_multisession.backends import dynamodb
from django_multisession.core.expiry import utcnow
from django_multisession.maintenance.integrity import check
from django_multisession.storage.dynamodb.table_spec import TableSpec, request
from support.dynamodb_table_specs import tableless
from support.integrity_cases import opened

pytestmark = pytest.mark.thorough  # depends on the server, not on Python or Django


@pytest.fixture
def storage(moto, settings, monkeypatch):
    """The configured engine, without its table."""
    with tableless(moto) as storage:
        yield opened(storage, settings, monkeypatch)


@pytest.fixture
def fine(storage):
    """The configured engine, with a correct table."""
    storage.table.create(TableSpec(), lambda line: None)
    return storage


def found():
    return [finding.name for finding in check().findings]


def aws(storage, command):
    """Send the request that a command of the AWS CLI stands for."""
    program, service, operation, *words = shlex.split(command)
    assert (program, service) == ("aws", "dynamodb")
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--table-name"] == storage.table.name
    pairs = options["--time-to-live-specification"].split(",")
    specification = dict(pair.split("=") for pair in pairs)
    specification["Enabled"] = specification["Enabled"] == "true"
    named = {"TableName": storage.table.name, "TimeToLiveSpecification": specification}
    storage.connection.call(operation.replace("-", "_"), named)


def test_a_table_that_is_as_it_should_be(fine):
    assert found() == []


def test_no_table(storage, monkeypatch):
    missing, failure = check().findings
    assert (missing.name, failure.name) == ("missing", "failure")
    monkeypatch.setattr(dynamodb.SessionStore, "storage", storage)
    command = re.search(r"manage.py (\w+)$", missing.remedy)[1]
    call_command(command, verbosity=0)
    assert found() == []


def test_no_ttl(storage):
    storage.connection.call("create_table", request(storage.table.name, TableSpec()))
    (finding,) = check().findings
    assert finding.name == "ttl"
    aws(storage, finding.remedy.removeprefix("Run: "))
    assert found() == []


def test_ttl_of_something_else(storage):
    storage.connection.call("create_table", request(storage.table.name, TableSpec()))
    aws(storage, enable(storage, "expires"))
    (finding,) = check().findings
    first, then = finding.remedy.removeprefix("Run: ").split("; an hour later: ")
    aws(storage, first)
    aws(storage, then)
    assert found() == []


def enable(storage, attribute):
    options = f"--time-to-live-specification Enabled=true,AttributeName={attribute}"
    return f"aws dynamodb update-time-to-live --table-name {storage.table.name} {options}"


def test_other_keys(storage):
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    wrong = {"KeySchema": schema, "AttributeDefinitions": types}
    storage.connection.call("create_table", {**request(storage.table.name, TableSpec()), **wrong})
    keys, ttl, failure = check().findings
    assert [keys.name, ttl.name, failure.name] == ["keys", "ttl", "failure"]
    assert "MULTISESSION_DYNAMODB_TABLE" in keys.remedy


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "ARCHIVED"])
def test_a_table_that_cannot_be_used(fine, monkeypatch, status):
    """The clock of the server is not checked then."""
    described = {**fine.table.describe(), "TableStatus": status}
    call = fine.connection.call

    def absent(operation, request):
        table = {} if "describe" in operation else {"TableName": "gone"}
        return call(operation, {**request, **table})

    with monkeypatch.context() as patch:
        patch.setattr(fine.table, "describe", lambda: described)
        patch.setattr(fine.connection, "call", absent)
        assert found() == ["status", "failure"]


@pytest.mark.parametrize("operation", ["DescribeTable", "DescribeTimeToLive"])
def test_who_may_not_look(fine, moto, operation):
    """A missing permission stops no other check."""
    moto.refuse("AccessDeniedException", operation)
    result = check()
    assert [finding.name for finding in result.findings] == ["unknown"]
    assert result.timings
    assert "createsessiontable --check" in result.findings[0].remedy


def test_who_may_not_write(fine, moto):
    moto.refuse("AccessDeniedException", "PutItem")
    (finding,) = check().findings
    assert finding.problem.startswith("Insert fails: ")
    assert "AccessDenied" in finding.problem
    assert fine.count() == 0


@pytest.mark.parametrize(("ahead", "word"), [(60, "behind"), (-60, "ahead")])
def test_a_clock_that_is_wrong(fine, ahead, word):
    fine.clock = lambda: utcnow() + timedelta(seconds=ahead)
    (finding,) = check().findings
    assert (finding.name, word in finding.problem) == ("clock", True)


@pytest.mark.parametrize("ahead", [-3, 3])
def test_a_clock_that_is_right(fine, ahead):
    fine.clock = lambda: utcnow() + timedelta(seconds=ahead)
    assert found() == []


def test_a_server_that_fails(fine, moto, hurried):
    moto.fail(times=100)
    (finding,) = check().findings
    assert finding.name == "failure"
    moto.clear()
    assert found() == []


def test_answers_that_are_lost(fine, moto):
    """The client repeats the request, and nothing is reported."""
    for operation in ("GetItem", "Query", "TransactWriteItems"):
        moto.lose(operation)
    assert found() == []
    assert moto.struck == 3


def test_one_that_fails_in_the_middle_is_cleaned_up_after(fine, moto, hurried):
    moto.fail("TransactWriteItems", times=100)
    (finding,) = check().findings
    assert finding.problem.startswith("Rename fails: ")
    assert fine.count() == 0
