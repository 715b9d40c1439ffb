"""The differences between an existing table and its specification, with remedies. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from ..base import Finding
from .encoding import TTL
from .table_spec import KEYS, TableSpec

Description = Mapping[str, Any]  # as DynamoDB returns it; empty if the server has no such feature

CREATE_COMMAND = "manage.py createsessiontable"
UNKNOWN = "not supported by the server"
_REMEDIES = {
    "CREATING": "Wait a moment, and check again.",
    "DELETING": f"Wait until it is deleted, then create it again: {CREATE_COMMAND}",
    "ARCHIVED": "Restore it from the backup that DynamoDB has made of it.",
    "INACCESSIBLE_ENCRYPTION_CREDENTIALS": "Enable its KMS key again, or grant its use.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The existing table. Recovery and tags are read only if the specification has them."""

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
    """Return the finding that the table does not exist."""
    problem = f"The table {name!r} does not exist."
    return Finding("missing", problem, f"Create it: {CREATE_COMMAND}")


def findings(described: Described, spec: TableSpec) -> list[Finding]:
    """Return all differences."""
    return [finding for compare in _COMPARISONS for finding in compare(described, spec)]


def is_usable(status: str) -> bool:
    """Return whether a table with this TableStatus can be read and written."""
    return status in {"ACTIVE", "UPDATING"}


def is_on(description: Description, name: str) -> bool:
    """Return whether a feature is enabled or being enabled, which may take up to an hour."""
    return description.get(name) in {"ENABLED", "ENABLING", "UPDATING"}


def has_ttl(ttl: Description) -> bool:
    """Return whether TTL is enabled on the right attribute."""
    return is_on(ttl, "TimeToLiveStatus") and ttl.get("AttributeName") == TTL


def unusable(name: str, status: str) -> Finding:
    """Return the finding that the table is not active."""
    remedy = _REMEDIES.get(status, "Look this status up in the documentation of DynamoDB.")
    return Finding("status", f"Table {name!r} is {status}, and not ACTIVE.", remedy)


def enable_ttl(name: str, attribute: str = TTL, *, enabled: str = "true") -> str:
    """Return the command that enables or disables TTL."""
    specification = f"Enabled={enabled},AttributeName={quote(attribute)}"
    return _aws("update-time-to-live", name, f"--time-to-live-specification {specification}")


def enable_recovery(name: str) -> str:
    """Return the command that enables point-in-time recovery."""
    option = "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    return _aws("update-continuous-backups", name, option)


def _aws(command: str, name: str, options: str) -> str:
    return f"aws dynamodb {command} --table-name {quote(name)} {options}"


def _keys(described: Described, spec: TableSpec) -> Iterator[Finding]:
    definitions = described.table["AttributeDefinitions"]
    types = {key["AttributeName"]: key["AttributeType"] for key in definitions}
    schema = {key["AttributeName"]: key["KeyType"] for key in described.table["KeySchema"]}
    actual = " and ".join(f"{name} ({types[name]}, {kind})" for name, kind in schema.items())
    expected = " and ".join(f"{name} (S, {kind})" for name, kind in KEYS.items())
    if actual != expected:
        remedy = "Keys cannot be changed. Name another table in MULTISESSION_DYNAMODB_TABLE and "
        problem = f"The keys of {described} are {actual}; they should be {expected}."
        yield Finding("keys", problem, f"{remedy}create it: {CREATE_COMMAND}")


def _status(described: Described, spec: TableSpec) -> Iterator[Finding]:
    if not is_usable(described.table["TableStatus"]):
        yield unusable(described.name, described.table["TableStatus"])


def _ttl(described: Described, spec: TableSpec) -> Iterator[Finding]:
    status, attribute = (described.ttl.get(n) for n in ("TimeToLiveStatus", "AttributeName"))
    enable = enable_ttl(described.name)
    if not is_on(described.ttl, "TimeToLiveStatus"):
        problem = f"TTL of {described} is {status or UNKNOWN}; it should be ENABLED on {TTL!r}: "
        problem += "expired sessions are not deleted, and cost storage."
        yield Finding("ttl", problem, f"Run: {enable}")
    elif not has_ttl(described.ttl):
        problem = f"TTL of {described} is on {attribute!r}; it should be on {TTL!r}."
        disable = enable_ttl(described.name, str(attribute), enabled="false")
        yield Finding("ttl", problem, f"Run: {disable}; an hour later: {enable}")


def _billing(described: Described, spec: TableSpec) -> Iterator[Finding]:
    mode = described.table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    units = described.table.get("ProvisionedThroughput", {})
    actual = (units.get("ReadCapacityUnits"), units.get("WriteCapacityUnits"))
    if spec.capacity and (mode != "PROVISIONED" or actual != tuple(spec.capacity)):
        read, write = spec.capacity
        current = f"{actual[0]} and {actual[1]} units" if mode == "PROVISIONED" else "on demand"
        problem = f"The capacity of {described} is {current}; it should be {read} read units and "
        options = "--billing-mode PROVISIONED --provisioned-throughput "
        options += f"ReadCapacityUnits={read},WriteCapacityUnits={write}"
        command = _aws("update-table", described.name, options)
        yield Finding("billing", f"{problem}{write} write units.", f"Run: {command}")


def _recovery(described: Described, spec: TableSpec) -> Iterator[Finding]:
    name = "PointInTimeRecoveryStatus"
    if spec.point_in_time_recovery and not is_on(described.recovery, name):
        status = described.recovery.get(name, UNKNOWN)
        problem = f"Point-in-time recovery of {described} is {status}; it should be ENABLED."
        yield Finding("recovery", problem, f"Run: {enable_recovery(described.name)}")


def _encryption(described: Described, spec: TableSpec) -> Iterator[Finding]:
    description = described.table.get("SSEDescription", {})
    arn = str(description.get("KMSMasterKeyArn", "")) if is_on(description, "Status") else ""
    if spec.kms_key and not (arn and _may_be(spec.own_key, arn)):
        key = arn or "the one that AWS owns"
        problem = f"The encryption key of {described} is {key}; it should be {spec.kms_key}."
        key_id = f",KMSMasterKeyId={quote(spec.own_key)}" if spec.own_key else ""
        option = f"--sse-specification Enabled=true,SSEType=KMS{key_id}"
        yield Finding("encryption", problem, f"Run: {_aws('update-table', described.name, option)}")


def _may_be(key: str | None, arn: str) -> bool:
    """Return whether the key may have this ARN. Only KMS knows the keys of aliases, and its own."""
    return key is None or "alias/" in key or key in {arn, arn.rpartition("/")[2]}


def _protection(described: Described, spec: TableSpec) -> Iterator[Finding]:
    if spec.deletion_protection and not described.table.get("DeletionProtectionEnabled"):
        problem = f"Deletion protection of {described} is off; it should be on."
        command = _aws("update-table", described.name, "--deletion-protection-enabled")
        yield Finding("protection", problem, f"Run: {command}")


def _tags(described: Described, spec: TableSpec) -> Iterator[Finding]:
    tags = spec.tags.items()
    missing_tags = {key: value for key, value in tags if described.tags.get(key) != value}
    if missing_tags:
        names = ", ".join(f"{key}={value}" for key, value in missing_tags.items())
        arguments = " ".join(
            quote(f"Key={key},Value={value}") for key, value in missing_tags.items()
        )
        resource = f"--resource-arn {quote(described.table['TableArn'])}"
        remedy = f"Run: aws dynamodb tag-resource {resource} --tags {arguments}"
        yield Finding("tags", f"Tags of {described} are missing: {names}.", remedy)


_COMPARISONS = (_keys, _status, _ttl, _billing, _recovery, _encryption, _protection, _tags)
