"""Findings about the table and the server's clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

from botocore.exceptions import ClientError

from ..base import Finding, clock_findings
from . import errors
from .connection import Connection
from .table import Table

UNKNOWN = Finding(
    "unknown",
    "This process may not describe its DynamoDB table (DescribeTable, DescribeTimeToLive).",
    "Run 'manage.py createsessiontable --check' with the rights of the Maintenance role.",
)


def findings(connection: Connection, table: Table, now: datetime) -> list[Finding]:
    """Return what is wrong with the table and the clock, or `UNKNOWN` if access is denied.

    Three requests. ``now`` is the application's time.
    """
    try:
        return [*table.differences(Table.spec()), *_clock_findings(connection, table, now)]
    except ClientError as error:
        if errors.code_of(error) != errors.DENIED:
            raise
        return [UNKNOWN]


def _clock_findings(connection: Connection, table: Table, now: datetime) -> Iterator[Finding]:
    """Compare the clocks. Every answer has the server's time, in whole seconds."""
    with suppress(ClientError):  # a missing table has been reported already
        answer = connection.call("describe_table", {"TableName": table.name})
        date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        if date:
            yield from clock_findings(parsedate_to_datetime(date), now)
