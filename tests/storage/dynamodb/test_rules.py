"""Examples for the rules in `support.dynamodb_rules`: what they reject and just accept."""

from __future__ import annotations

import pytest

from support.dynamodb_answers import Request
from support.dynamodb_rules import KB, assert_legal

TABLE = {"TableName": "sessions"}
KEY = {"pk": {"S": "s#1"}, "sk": {"S": "s"}}
NAME, VALUE = {"#0": "a"}, {":0": {"S": "1"}}
BOTH = {"ExpressionAttributeNames": NAME, "ExpressionAttributeValues": VALUE}
KEYS = [{"pk": {"S": f"s#{n}"}, "sk": {"S": "s"}} for n in range(101)]
DELETES = [{"DeleteRequest": {"Key": key}} for key in KEYS]
STEP = {**TABLE, "Key": KEY}
STEPS = [{"Delete": {**TABLE, "Key": key}} for key in KEYS]


def put(**attributes):
    return "PutItem", {**TABLE, "Item": {**KEY, **attributes}}


def update(expression, names=NAME, values=VALUE):
    both = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    given = {name: mapping for name, mapping in both.items() if mapping is not None}
    return "UpdateItem", {**TABLE, "Key": KEY, "UpdateExpression": expression, **given}


def sets(count, width=1):
    names = {f"#{n:0{width}}": f"{n}" for n in range(count)}
    return update(f"SET {', '.join(f'{name} = :0' for name in names)}", names)


def removes(count, width):
    names = {f"#{n}": f"{n:0{width}}" for n in range(count)}
    return update(f"REMOVE {', '.join(names)}", names, None)


def keyed(pk, sk="s"):
    return "GetItem", {**TABLE, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}


def projected(expression, **names):
    names = {f"#{place}": name for place, name in names.items()}
    more = {"ProjectionExpression": expression, "ExpressionAttributeNames": names}
    return "GetItem", {**TABLE, "Key": KEY, **more}


def reads(keys, **more):
    return "BatchGetItem", {"RequestItems": {"sessions": {"Keys": keys, **more}}}


def writes(steps):
    return "BatchWriteItem", {"RequestItems": {"sessions": steps}}


def transaction(steps):
    return "TransactWriteItems", {"TransactItems": steps}


LEGAL = {
    "update": update("SET #0 = :0"),
    "remove": update("REMOVE #0", values=None),
    "arithmetic": update("SET #0 = #0 + :0 REMOVE #1.#0, #2", {**NAME, "#1": "m", "#2": "x"}),
    "300 fields": sets(300),
    "much of names": removes(30, 60_000),
    "a large item": put(x={"S": "x" * (400 * KB - 9)}),
    "an empty text": put(x={"S": ""}),
    "38 digits": put(x={"N": "9" * 38}),
    "100 reads": reads(KEYS[:100]),
    "25 writes": writes(DELETES[:25]),
    "100 steps": transaction(STEPS[:100]),
    "a long key": keyed("k" * 2048, "k" * 1024),
}
ILLEGAL = {
    "a name": update("SET a = :0", None),
    "a reserved word": update("SET #0 = :0, ttl = :0"),
    "a number": update("SET #0 = 1", values=None),
    "a name with a dot": update("SET a.b = :0", None),
    "an unused name": update("SET #0 = :0", {**NAME, "#1": "b"}),
    "an unused value": update("SET #0 = :0", values={**VALUE, ":1": {"S": ""}}),
    "an unknown name": update("SET #1 = :0"),
    "an unknown value": update("SET #0 = :1"),
    "no names": update("REMOVE #0", {}),
    "no values": update("REMOVE #0", values={}),
    "nothing": update(""),
    "a quote": update("SET #0 = ':0'"),
    "a path twice": update("SET #0 = :0, #1 = :0", {**NAME, "#1": "a"}),
    "a path set and removed": update("SET #0 = :0 REMOVE #0"),
    "a path inside another": update("SET #0 = :0 REMOVE #0.#1", {**NAME, "#1": "b"}),
    "a clause twice": update("SET #0 = :0 SET #1 = :0", {**NAME, "#1": "b"}),
    "a key set": update("SET #0 = :0", {"#0": "pk"}),
    "4 KB of expression": sets(300, width=10),
    "301 operators": update("SET #0 = #0" + " + :0" * 301),
    "2 MB of names": removes(40, 60_000),
    "64 KB of a name": removes(1, 64 * KB),
    "a name of 64 KB": put(**{"n" * 64 * KB: {"S": ""}}),
    "no name": put(**{"": {"S": ""}}),
    "no name inside": put(x={"M": {"": {"S": ""}}}),
    "an item too large": put(x={"S": "x" * (400 * KB - 8)}),
    "a text that is none": put(x={"S": "\ud800"}),
    "two types": put(x={"S": "", "N": "1"}),
    "39 digits": put(x={"N": "9" * 39}),
    "no number": put(x={"N": "1,0"}),
    "an item without a key": ("PutItem", {**TABLE, "Item": {"pk": KEY["pk"]}}),
    "an empty key": keyed(""),
    "a key too long": keyed("k" * 2049),
    "a sort key too long": keyed("s", "\u4e2d" * 342),
    "a key of numbers": ("GetItem", {**TABLE, "Key": {**KEY, "sk": {"N": "1"}}}),
    "more than a key": ("GetItem", {**TABLE, "Key": {**KEY, "x": {"S": ""}}}),
    "a name projected twice": projected("#0,#1", **{"0": "a", "1": "a"}),
    "a projection inside another": projected("#0,#0.#1", **{"0": "a", "1": "b"}),
    "values for a read": ("GetItem", {**TABLE, "Key": KEY, **BOTH}),
    "101 reads": reads(KEYS),
    "no reads": reads([]),
    "a read twice": reads([KEY, KEY]),
    "a table in a batch": reads([KEY], **TABLE),
    "26 writes": writes(DELETES[:26]),
    "no writes": writes([]),
    "a write twice": writes(DELETES[:1] * 2),
    "101 steps": transaction(STEPS),
    "a step twice": transaction(STEPS[:1] * 2),
    "an answer in a transaction": transaction(
        [{"Delete": {**TABLE, "Key": KEY, "ReturnValues": "ALL_OLD"}}]
    ),
    "4 MB at once": transaction(
        [{"Put": {**TABLE, "Item": {**key, "x": {"S": "x" * 390 * KB}}}} for key in KEYS[:11]]
    ),
    "no limit": ("Scan", {**TABLE, "Limit": 0}),
    "no segment": ("Scan", {**TABLE, "Segment": 8, "TotalSegments": 8}),
    "a filter on a key": (
        "Query",
        {
            **TABLE,
            "KeyConditionExpression": "#0 = :0",
            "FilterExpression": "#1 = :0",
            "ExpressionAttributeNames": {"#0": "pk", "#1": "sk"},
            "ExpressionAttributeValues": VALUE,
        },
    ),
    "a misspelled member": ("GetItem", {**TABLE, "Key": KEY, "Consistent": True}),
}


@pytest.mark.parametrize("name", LEGAL)
def test_the_rules_let_pass(name):
    assert_legal(Request(*LEGAL[name]))


@pytest.mark.parametrize("name", ILLEGAL)
def test_the_rules_refuse(name):
    with pytest.raises((AssertionError, KeyError, ValueError)):
        assert_legal(Request(*ILLEGAL[name]))
