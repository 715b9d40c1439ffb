"""How the table is to be, and how that is asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .encoding import PK, SK, TTL

KEYS = {PK: "HASH", SK: "RANGE"}  # all of them text
DYNAMODBS_KEY = "alias/aws/dynamodb"  # of KMS, managed by AWS


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """What is wanted of the table beside its keys and its TTL.

    A new table gets the defaults where nothing is said; of one that exists nothing is asked then.
    """

    # Units it can read and write each second, paid for by the hour. None: on demand.
    capacity: tuple[int, int] | None = None
    # A backup of the last 35 days: of sessions that have ended, too.
    point_in_time_recovery: bool = False
    # Id, ARN or alias of a key in KMS. None: the key that AWS owns, which costs nothing.
    kms_key: str | None = None
    deletion_protection: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_key(self) -> str | None:
        """The key in KMS that is the project's and not managed by AWS."""
        return None if self.kms_key == DYNAMODBS_KEY else self.kms_key


def request(name: str, plan: TableSpec) -> dict[str, Any]:
    """The arguments of CreateTable. What is not wanted is not mentioned: not every server that
    speaks DynamoDB's language knows it."""
    wishes: dict[str, Any] = {}
    if plan.kms_key:
        wishes["SSESpecification"] = encryption(plan)
    if plan.deletion_protection:
        wishes["DeletionProtectionEnabled"] = True
    if plan.tags:
        wishes["Tags"] = [{"Key": key, "Value": value} for key, value in plan.tags.items()]
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": type} for key, type in KEYS.items()],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in KEYS],
        **billing(plan),
        **wishes,
    }


def billing(plan: TableSpec) -> dict[str, Any]:
    if not plan.capacity:
        return {"BillingMode": "PAY_PER_REQUEST"}
    read, write = plan.capacity
    units = {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    return {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}


def encryption(plan: TableSpec) -> dict[str, Any]:
    """By KMS. DynamoDB wants its own key there to be left out."""
    named = {"KMSMasterKeyId": plan.own_key} if plan.own_key else {}
    return {"Enabled": True, "SSEType": "KMS", **named}


def time_to_live() -> dict[str, Any]:
    return {"Enabled": True, "AttributeName": TTL}


def recovery() -> dict[str, Any]:
    return {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
