"""Tables that do not exist yet, and specifications of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django_multisession.storage.dynamodb import DynamoDBStorage
from django_multisession.storage.dynamodb.table import Table
from django_multisession.storage.dynamodb.table_spec import TableSpec

ARN = "arn:aws:kms:eu-central-1:123456789012:key/one"
TAGS = {"team": "web", "cost centre": "4 = 2 + 2"}
EVERYTHING = {
    "capacity": (3, 4),
    "point_in_time_recovery": True,
    "kms_key": "alias/aws/dynamodb",
    "deletion_protection": True,
    "tags": TAGS,
}


def spec(**options: Any) -> TableSpec:
    """Return a specification with these options."""
    return Table.spec(**options)


def unmade(client: Any) -> Table:
    """Return a table that does not exist yet, and whose requests this client sends."""

    def call(operation: str, **request: Any) -> Any:
        return getattr(client, operation)(**request)

    return Table(f"test-{uuid4()}", call)


@contextmanager
def tableless(proxy: Any) -> Iterator[DynamoDBStorage]:
    """Provide a storage whose table does not exist, and delete the table afterwards."""
    storage = DynamoDBStorage(table=f"test-{uuid4()}", options=proxy.options)
    yield storage
    proxy.clear()
    if storage.table.exists():
        storage.connection.call("delete_table", {"TableName": storage.table.name})
    storage.connection.pool.client.close()
