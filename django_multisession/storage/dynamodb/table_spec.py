"""The specification of the table, and the requests that apply it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .encoding import PK, SK, TTL

KEYS = {PK: "HASH", SK: "RANGE"}  # both are strings
AWS_MANAGED_KEY = "alias/aws/dynamodb"  # in KMS


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """The options of the table. Its keys and its TTL are always the same.

    An option at its default is created so in a new table, and not compared in an existing one.
    """

    # Read and write units for each second, which are paid by the hour. None: on demand.
    capacity: tuple[int, int] | None = None
    # Continuous backups of the last 35 days. They contain sessions that have ended, too.
    point_in_time_recovery: bool = False
    # Id, ARN or alias of a key in KMS. None: the key that AWS owns, which is free of charge.
    kms_key: str | None = None
    deletion_protection: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_key(self) -> str | None:
        """The KMS key if it is the project's own, or None if AWS manages it."""
        return None if self.kms_key == AWS_MANAGED_KEY else self.kms_key


def request(name: str, spec: TableSpec) -> dict[str, Any]:
    """Return the arguments of CreateTable.

    Options at their default are left out: not every compatible server knows them.
    """
    options: dict[str, Any] = {}
    if spec.kms_key:
        options["SSESpecification"] = encryption(spec)
    if spec.deletion_protection:
        options["DeletionProtectionEnabled"] = True
    if spec.tags:
        options["Tags"] = [{"Key": key, "Value": value} for key, value in spec.tags.items()]
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": type} for key, type in KEYS.items()],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in KEYS],
        **billing(spec),
        **options,
    }


def billing(spec: TableSpec) -> dict[str, Any]:
    """Return the arguments of CreateTable for the capacity."""
    if not spec.capacity:
        return {"BillingMode": "PAY_PER_REQUEST"}
    read, write = spec.capacity
    units = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    return {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}


def encryption(spec: TableSpec) -> dict[str, Any]:
    """Return the SSESpecification. DynamoDB refuses the id of the key that AWS manages."""
    key = {"KMSMasterKeyId": spec.own_key} if spec.own_key else {}
    return {"Enabled": True, "SSEType": "KMS", **key}


def time_to_live() -> dict[str, Any]:
    """Return the TimeToLiveSpecification."""
    return {"Enabled": True, "AttributeName": TTL}


def recovery() -> dict[str, Any]:
    """Return the argument that enables point-in-time recovery."""
    return {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
