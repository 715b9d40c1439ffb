"""The findings of `manage.py check --database default` about a real table."""

from __future__ import annotations

import pytest

from django_multisession.checks import check_server
from django_multisession.checks.server import ERRORS, WARNINGS
from django_multisession.storage.base import Finding
from django_multisession.storage.dynamodb.table_spec import TableSpec, request
from support.dynamodb_table_specs import tableless
from support.project import install

pytestmark = pytest.mark.quick


@pytest.fixture
def table(moto, settings, monkeypatch):
    """The table of the configured engine, which does not exist yet."""
    with tableless(moto) as storage:
        install(storage, settings, monkeypatch)
        yield storage.table


def found():
    return [(message.id[-4:], message.msg, message.hint) for message in check_server(["default"])]


def test_from_no_table_to_one_that_is_right(table):
    ((id, problem, remedy),) = found()
    assert (id, table.name in problem) == ("E020", True)
    assert "manage.py createsessiontable" in remedy
    table.create(TableSpec(), print)
    assert found() == []


def test_without_ttl_what_is_over_stays(table):
    table.call("create_table", **request(table.name, TableSpec()))
    ((id, problem, remedy),) = found()
    assert (id, "TTL" in problem) == ("W024", True)
    assert "aws dynamodb update-time-to-live" in remedy


def test_other_keys_are_an_error(table):
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    wrong = {"KeySchema": schema, "AttributeDefinitions": types}
    table.call("create_table", **{**request(table.name, TableSpec()), **wrong})
    assert [id for id, *_ in found()] == ["E020", "W024"]


def test_who_may_not_look_is_told_how_to(table, moto):
    table.create(TableSpec(), print)
    moto.refuse("AccessDeniedException", "DescribeTable")
    ((id, _, remedy),) = found()
    assert id == "W023"
    assert "createsessiontable --check" in remedy


def test_another_error_is_none_of_the_table(table, moto):
    table.create(TableSpec(), print)
    moto.refuse("ExpiredTokenException", "DescribeTable")
    ((id, problem, _),) = found()
    assert (id, "have expired" in problem) == ("E019", True)


def test_every_finding_of_a_table_that_is_not_planned_has_a_number(table, monkeypatch):
    """The check does not know the options that createsessiontable was called with."""
    for name in ("missing", "keys", "status", "ttl", "unknown"):
        finding = Finding(name, "What is wrong.", "What to do.")
        monkeypatch.setattr(table, "differences", lambda spec, finding=finding: [finding])
        ((id, *texts),) = found()
        assert int(id[1:]) == {**WARNINGS, **ERRORS}[name]
        assert texts == [finding.problem, finding.remedy]
    table.create(TableSpec(), print)
