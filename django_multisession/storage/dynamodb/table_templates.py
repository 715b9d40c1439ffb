"""Templates for CloudFormation and Terraform that create the table, and an IAM policy. Pure.

They are written without a library: they are so simple that quoting every text is enough.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .encoding import PK, SK, TTL
from .table_spec import KEYS, TableSpec, recovery, request, time_to_live

# The rights of each role. Maintenance needs those of WebProcesses, too; Setup does not.
_ACTIONS = {
    "WebProcesses": "BatchGetItem BatchWriteItem DeleteItem GetItem PutItem Query UpdateItem",
    "Maintenance": "DescribeTable DescribeTimeToLive Scan",
    "Setup": "CreateTable DescribeContinuousBackups DescribeTable DescribeTimeToLive "
    "ListTagsOfResource TagResource UpdateContinuousBackups UpdateTimeToLive",
}
# If the table is encrypted with the project's own key, all roles need these, through DynamoDB only.
_KEY_ACTIONS = (
    "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext "
    "ReEncryptFrom ReEncryptTo"
)


def cloudformation(name: str, spec: TableSpec) -> str:
    """Return a CloudFormation template of the table, in YAML."""
    properties = request(name, spec) | {"TimeToLiveSpecification": time_to_live()}
    if encryption := properties.get("SSESpecification"):
        encryption["SSEEnabled"] = encryption.pop("Enabled")
    if spec.point_in_time_recovery:
        properties |= recovery()
    table = {"Type": "AWS::DynamoDB::Table", "Properties": properties}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Sessions": table}}
    return "".join(f"{line}\n" for line in _yaml(template))


def _yaml(value: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    """Yield lines of YAML. Texts are quoted as in JSON, which YAML can read."""
    for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
        lines = list(_yaml(inner)) if isinstance(inner, (dict, list)) else [json.dumps(inner)]
        if isinstance(value, list):
            yield f"- {lines[0]}"
            yield from (f"  {line}" for line in lines[1:])
        elif isinstance(inner, (dict, list)):
            yield f"{key}:"
            yield from (f"  {line}" for line in lines)
        else:
            yield f"{key}: {lines[0]}"


def terraform(name: str, spec: TableSpec) -> str:
    """Return a Terraform configuration of the table."""
    arguments = request(name, spec)
    units = arguments.get("ProvisionedThroughput", {})
    settings = {
        "name": _hcl(name),
        "billing_mode": _hcl(arguments["BillingMode"]),
        "read_capacity": _hcl(units.get("ReadCapacityUnits")),
        "write_capacity": _hcl(units.get("WriteCapacityUnits")),
        "hash_key": _hcl(PK),
        "range_key": _hcl(SK),
        "deletion_protection_enabled": _hcl(spec.deletion_protection or None),
    }
    lines = [*_settings(settings), *_blocks(spec)]
    block = _block('resource "aws_dynamodb_table" "sessions"', lines)
    return "".join(f"{line}\n" for line in [*_data(spec), *block])


def _blocks(spec: TableSpec) -> Iterator[str]:
    """Yield the blocks inside the resource, each with an empty line before it."""
    for key in KEYS:
        yield from ("", *_block("attribute", _settings({"name": _hcl(key), "type": _hcl("S")})))
    ttl = {"attribute_name": _hcl(TTL), "enabled": "true"}
    yield from ("", *_block("ttl", _settings(ttl)))
    if spec.kms_key:
        arn = "data.aws_kms_key.sessions.arn" if spec.own_key else ""
        settings = {"enabled": "true", "kms_key_arn": arn}
        yield from ("", *_block("server_side_encryption", _settings(settings)))
    if spec.point_in_time_recovery:
        yield from ("", *_block("point_in_time_recovery", _settings({"enabled": "true"})))
    if spec.tags:
        tags = {_hcl(name): _hcl(value) for name, value in spec.tags.items()}
        yield from ("", *_block("tags =", _settings(tags)))


def _data(spec: TableSpec) -> Iterator[str]:
    """Yield the data source that finds the ARN of a key, which the resource needs, by any name."""
    if spec.own_key:
        settings = _settings({"key_id": _hcl(spec.own_key)})
        yield from (*_block('data "aws_kms_key" "sessions"', settings), "")


def _block(head: str, lines: list[str]) -> list[str]:
    return [f"{head} {{", *(line and f"  {line}" for line in lines), "}"]


def _settings(values: Mapping[str, str]) -> list[str]:
    """Return lines, aligned as by ``terraform fmt``. Empty values are left out."""
    given = {name: value for name, value in values.items() if value}
    width = max(map(len, given))
    return [f"{name:{width}} = {value}" for name, value in given.items()]


def _hcl(value: str | int | bool | None) -> str:
    """Return a literal of Terraform's language. Its template sequences are escaped in texts."""
    quoted = json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return "" if value is None else quoted


def iam(name: str, spec: TableSpec) -> str:
    """Return a policy in JSON. Region and account are unknown, so they are ``*``."""
    table = f"arn:aws:dynamodb:*:*:table/{name}"
    statements = [_allow(sid, "dynamodb", words, table) for sid, words in _ACTIONS.items()]
    if spec.own_key:
        statements.append(_allow_key(spec.own_key))
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _allow(sid: str, service: str, words: str, resource: str) -> dict[str, Any]:
    actions = [f"{service}:{word}" for word in words.split()]
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _allow_key(key: str) -> dict[str, Any]:
    """Return the rights to use a key. IAM has no aliases, so an alias becomes a condition."""
    via_dynamodb = {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}
    if "alias/" not in key:
        arn = key if key.startswith("arn:") else f"arn:aws:kms:*:*:key/{key}"
        return _allow("Key", "kms", _KEY_ACTIONS, arn) | {"Condition": via_dynamodb}
    alias = {"kms:ResourceAliases": key[key.index("alias/") :]}
    statement = _allow("Key", "kms", _KEY_ACTIONS, "arn:aws:kms:*:*:key/*")
    return statement | {"Condition": via_dynamodb | {"ForAnyValue:StringEquals": alias}}


TEMPLATES: Mapping[str, Callable[[str, TableSpec], str]] = {
    "cloudformation": cloudformation,
    "terraform": terraform,
    "iam": iam,
}
