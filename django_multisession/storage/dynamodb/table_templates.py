"""The table, and who may do what with it, in the words of CloudFormation, Terraform and IAM. Pure.

No library writes them: what they hold is so little that quoting every text is all it takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .encoding import PK, SK, TTL
from .table_spec import KEYS, TableSpec, recovery, request, time_to_live

# Who needs which. Maintenance does what web processes do, too; what sets the table up does not.
_ACTIONS = {
    "WebProcesses": "BatchGetItem BatchWriteItem DeleteItem GetItem PutItem Query UpdateItem",
    "Maintenance": "DescribeTable DescribeTimeToLive Scan",
    "Setup": "CreateTable DescribeContinuousBackups DescribeTable DescribeTimeToLive "
    "ListTagsOfResource TagResource UpdateContinuousBackups UpdateTimeToLive",
}
# With a key of one's own, whoever uses the table needs these, through DynamoDB only.
_KEY_ACTIONS = (
    "CreateGrant Decrypt DescribeKey Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext "
    "ReEncryptFrom ReEncryptTo"
)


def cloudformation(name: str, plan: TableSpec) -> str:
    properties = request(name, plan) | {"TimeToLiveSpecification": time_to_live()}
    if encryption := properties.get("SSESpecification"):
        encryption["SSEEnabled"] = encryption.pop("Enabled")
    if plan.point_in_time_recovery:
        properties |= recovery()
    table = {"Type": "AWS::DynamoDB::Table", "Properties": properties}
    whole = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Sessions": table}}
    return "".join(f"{line}\n" for line in _yaml(whole))


def _yaml(value: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    """Lines of YAML. Texts are quoted as in JSON, which YAML understands."""
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


def terraform(name: str, plan: TableSpec) -> str:
    asked = request(name, plan)
    units = asked.get("ProvisionedThroughput", {})
    settings = {
        "name": _hcl(name),
        "billing_mode": _hcl(asked["BillingMode"]),
        "read_capacity": _hcl(units.get("ReadCapacityUnits")),
        "write_capacity": _hcl(units.get("WriteCapacityUnits")),
        "hash_key": _hcl(PK),
        "range_key": _hcl(SK),
        "deletion_protection_enabled": _hcl(plan.deletion_protection or None),
    }
    lines = [*_settings(settings), *_blocks(plan)]
    block = _block('resource "aws_dynamodb_table" "sessions"', lines)
    return "".join(f"{line}\n" for line in [*_data(plan), *block])


def _blocks(plan: TableSpec) -> Iterator[str]:
    """What the resource consists of. Each with an empty line before."""
    for key in KEYS:
        yield from ("", *_block("attribute", _settings({"name": _hcl(key), "type": _hcl("S")})))
    ttl = {"attribute_name": _hcl(TTL), "enabled": "true"}
    yield from ("", *_block("ttl", _settings(ttl)))
    if plan.kms_key:
        arn = "data.aws_kms_key.sessions.arn" if plan.own_key else ""
        settings = {"enabled": "true", "kms_key_arn": arn}
        yield from ("", *_block("server_side_encryption", _settings(settings)))
    if plan.point_in_time_recovery:
        yield from ("", *_block("point_in_time_recovery", _settings({"enabled": "true"})))
    if plan.tags:
        tags = {_hcl(name): _hcl(value) for name, value in plan.tags.items()}
        yield from ("", *_block("tags =", _settings(tags)))


def _data(plan: TableSpec) -> Iterator[str]:
    """The resource takes the ARN of a key only; this takes its alias and its id, too."""
    if plan.own_key:
        settings = _settings({"key_id": _hcl(plan.own_key)})
        yield from (*_block('data "aws_kms_key" "sessions"', settings), "")


def _block(head: str, lines: list[str]) -> list[str]:
    return [f"{head} {{", *(line and f"  {line}" for line in lines), "}"]


def _settings(values: Mapping[str, str]) -> list[str]:
    """Aligned as ``terraform fmt`` does. Empty values are left out."""
    given = {name: value for name, value in values.items() if value}
    width = max(map(len, given))
    return [f"{name:{width}} = {value}" for name, value in given.items()]


def _hcl(value: str | int | bool | None) -> str:
    """In a text, Terraform would replace what looks like a template of its own."""
    quoted = json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return "" if value is None else quoted


def iam(name: str, plan: TableSpec) -> str:
    """A policy in JSON. Region and account are ``*``: nothing here knows them."""
    table = f"arn:aws:dynamodb:*:*:table/{name}"
    statements = [_allow(sid, "dynamodb", words, table) for sid, words in _ACTIONS.items()]
    if plan.own_key:
        statements.append(_use_of(plan.own_key))
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n"


def _allow(sid: str, service: str, words: str, resource: str) -> dict[str, Any]:
    actions = [f"{service}:{word}" for word in words.split()]
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _use_of(key: str) -> dict[str, Any]:
    """IAM knows keys by id only: of an alias there is a condition."""
    through = {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com"}}
    if "alias/" not in key:
        arn = key if key.startswith("arn:") else f"arn:aws:kms:*:*:key/{key}"
        return _allow("Key", "kms", _KEY_ACTIONS, arn) | {"Condition": through}
    alias = {"kms:ResourceAliases": key[key.index("alias/") :]}
    statement = _allow("Key", "kms", _KEY_ACTIONS, "arn:aws:kms:*:*:key/*")
    return statement | {"Condition": through | {"ForAnyValue:StringEquals": alias}}


TEMPLATES: Mapping[str, Callable[[str, TableSpec], str]] = {
    "cloudformation": cloudformation,
    "terraform": terraform,
    "iam": iam,
}
