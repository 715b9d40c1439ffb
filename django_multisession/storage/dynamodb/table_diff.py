"""What of a table that exists is not as it should be, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from ..base import Finding
from .encoding import TTL
from .table_spec import KEYS, TableSpec

Description = Mapping[str, Any]  # by DynamoDB; empty where the server knows nothing of the kind

MAKE_IT = "manage.py createsessiontable"
UNKNOWN = "unknown to the server"
_REMEDIES = {
    "CREATING": "Wait a moment, and look again.",
    "DELETING": f"Wait until it is gone, then make another: {MAKE_IT}",
    "ARCHIVED": "Restore it from the backup that DynamoDB made of it.",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "Enable its key in KMS again, or permit to use it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The table as it is. Of recovery and tags nothing is known unless they are wanted."""

    table: Description
    ttl: Description
    recovery: Description = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.table["TableName"])

    def __str__(self) -> str:
        return f"table {self.name!r}"


def missing(name: str) -> Finding:
    return Finding("missing", f"There is no table {name!r}.", f"Make it: {MAKE_IT}")


def findings(described: Described, plan: TableSpec) -> list[Finding]:
    return [finding for look in _LOOKS for finding in look(described, plan)]


def is_usable(status: str) -> bool:
    return status in {"ACTIVE", "UPDATING"}


def is_on(description: Description, name: str) -> bool:
    """On, or about to be. DynamoDB takes up to an hour for some."""
    return description.get(name) in {"ENABLED", "ENABLING", "UPDATING"}


def has_ttl(ttl: Description) -> bool:
    return is_on(ttl, "TimeToLiveStatus") and ttl.get("AttributeName") == TTL


def unusable(name: str, status: str) -> Finding:
    remedy = _REMEDIES.get(status, "See what AWS says of it.")
    return Finding("status", f"Table {name!r} is {status}, and not ACTIVE.", remedy)


def enable_ttl(name: str, attribute: str = TTL, *, enabled: str = "true") -> str:
    specification = f"Enabled={enabled},AttributeName={quote(attribute)}"
    return _aws("update-time-to-live", name, f"--time-to-live-specification {specification}")


def enable_recovery(name: str) -> str:
    option = "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    return _aws("update-continuous-backups", name, option)


def _aws(command: str, name: str, options: str) -> str:
    return f"aws dynamodb {command} --table-name {quote(name)} {options}"


def _keys(described: Described, plan: TableSpec) -> Iterator[Finding]:
    definitions = described.table["AttributeDefinitions"]
    types = {each["AttributeName"]: each["AttributeType"] for each in definitions}
    schema = {each["AttributeName"]: each["KeyType"] for each in described.table["KeySchema"]}
    has = " and ".join(f"{name} ({types[name]}, {kind})" for name, kind in schema.items())
    wanted = " and ".join(f"{name} (S, {kind})" for name, kind in KEYS.items())
    if has != wanted:
        remedy = "Keys cannot be changed. Name another table in MULTISESSION_DYNAMODB_TABLE and "
        problem = f"The keys of {described} are {has}; they should be {wanted}."
        yield Finding("keys", problem, f"{remedy}make it: {MAKE_IT}")


def _status(described: Described, plan: TableSpec) -> Iterator[Finding]:
    if not is_usable(described.table["TableStatus"]):
        yield unusable(described.name, described.table["TableStatus"])


def _ttl(described: Described, plan: TableSpec) -> Iterator[Finding]:
    status, attribute = (described.ttl.get(n) for n in ("TimeToLiveStatus", "AttributeName"))
    enable = enable_ttl(described.name)
    if not is_on(described.ttl, "TimeToLiveStatus"):
        problem = f"TTL of {described} is {status or UNKNOWN}; it should be ENABLED on {TTL!r}: "
        problem += "sessions that are over stay, and are paid for."
        yield Finding("ttl", problem, f"Run: {enable}")
    elif not has_ttl(described.ttl):
        problem = f"TTL of {described} is on {attribute!r}; it should be on {TTL!r}."
        disable = enable_ttl(described.name, str(attribute), enabled="false")
        yield Finding("ttl", problem, f"Run: {disable}; an hour later: {enable}")


def _billing(described: Described, plan: TableSpec) -> Iterator[Finding]:
    mode = described.table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    units = described.table.get("ProvisionedThroughput", {})
    has = (units.get("ReadCapacityUnits"), units.get("WriteCapacityUnits"))
    if plan.capacity and (mode != "PROVISIONED" or has != tuple(plan.capacity)):
        read, write = plan.capacity
        now = f"{has[0]} and {has[1]} units" if mode == "PROVISIONED" else "on demand"
        problem = f"The capacity of {described} is {now}; it should be {read} units to read and "
        options = "--billing-mode PROVISIONED --provisioned-throughput "
        options += f"ReadCapacityUnits={read},WriteCapacityUnits={write}"
        command = _aws("update-table", described.name, options)
        yield Finding("billing", f"{problem}{write} to write.", f"Run: {command}")


def _recovery(described: Described, plan: TableSpec) -> Iterator[Finding]:
    name = "PointInTimeRecoveryStatus"
    if plan.point_in_time_recovery and not is_on(described.recovery, name):
        status = described.recovery.get(name, UNKNOWN)
        problem = f"Point-in-time recovery of {described} is {status}; it should be ENABLED."
        yield Finding("recovery", problem, f"Run: {enable_recovery(described.name)}")


def _encryption(described: Described, plan: TableSpec) -> Iterator[Finding]:
    description = described.table.get("SSEDescription", {})
    arn = str(description.get("KMSMasterKeyArn", "")) if is_on(description, "Status") else ""
    if plan.kms_key and not (arn and _may_be(plan.own_key, arn)):
        key = arn or "the one that AWS owns"
        problem = f"The encryption key of {described} is {key}; it should be {plan.kms_key}."
        named = f",KMSMasterKeyId={quote(plan.own_key)}" if plan.own_key else ""
        option = f"--sse-specification Enabled=true,SSEType=KMS{named}"
        yield Finding("encryption", problem, f"Run: {_aws('update-table', described.name, option)}")


def _may_be(key: str | None, arn: str) -> bool:
    """Which key an alias stands for, and which one AWS manages, only KMS would tell."""
    return key is None or "alias/" in key or key in {arn, arn.rpartition("/")[2]}


def _protection(described: Described, plan: TableSpec) -> Iterator[Finding]:
    if plan.deletion_protection and not described.table.get("DeletionProtectionEnabled"):
        problem = f"Deletion protection of {described} is off; it should be on."
        command = _aws("update-table", described.name, "--deletion-protection-enabled")
        yield Finding("protection", problem, f"Run: {command}")


def _tags(described: Described, plan: TableSpec) -> Iterator[Finding]:
    lacking = {key: value for key, value in plan.tags.items() if described.tags.get(key) != value}
    if lacking:
        names = ", ".join(f"{key}={value}" for key, value in lacking.items())
        tags = " ".join(quote(f"Key={key},Value={value}") for key, value in lacking.items())
        where = f"--resource-arn {quote(described.table['TableArn'])}"
        remedy = f"Run: aws dynamodb tag-resource {where} --tags {tags}"
        yield Finding("tags", f"Tags of {described} are missing: {names}.", remedy)


_LOOKS = (_keys, _status, _ttl, _billing, _recovery, _encryption, _protection, _tags)
