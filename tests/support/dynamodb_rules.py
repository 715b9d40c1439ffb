"""The rules by which DynamoDB refuses requests.

From its documentation: "Service, account, and table quotas", "Item sizes and formats", and the API
Reference. moto accepts most of what DynamoDB refuses, and dynalite some of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

KB = 1024
ITEM, EXPRESSION, TRANSACTION, SUBSTITUTIONS = 400 * KB, 4 * KB, 4 * KB * KB, 2 * KB * KB
NAME, PARTITION, SORT, PLACEHOLDER = 64 * KB - 1, 2048, 1024, 255
OPERATORS, DIGITS = 300, 38

KEYS = {"pk": PARTITION, "sk": SORT}
CLAUSES = {"SET", "REMOVE"}
LOGIC = {"AND", "OR", "NOT", "=", "<", ">", "<=", ">=", "<>", "+", "-"}
FUNCTIONS = {"attribute_exists", "attribute_not_exists", "begins_with", "size"}
TOKEN = re.compile(r"\s*([#:]\w+|\w+|<=|>=|<>|[-+=<>(),.])\s*")
NUMBER = re.compile(r"-?(\d+)")

EXPRESSIONS = [
    *("ConditionExpression", "UpdateExpression", "ProjectionExpression"),
    *("KeyConditionExpression", "FilterExpression"),
]
NAMED = {"TableName", "ExpressionAttributeNames"}
VALUED = {*NAMED, "ExpressionAttributeValues"}
READS = {*NAMED, "ProjectionExpression", "ConsistentRead"}
WRITES = {*VALUED, "ConditionExpression", "ReturnValuesOnConditionCheckFailure"}
LISTS = {*READS, *VALUED, "FilterExpression", "Limit", "ExclusiveStartKey", "Select"}
MEMBERS = {
    "GetItem": {*READS, "Key"},
    "PutItem": {*WRITES, "Item", "ReturnValues"},
    "UpdateItem": {*WRITES, "Key", "UpdateExpression", "ReturnValues"},
    "DeleteItem": {*WRITES, "Key", "ReturnValues"},
    "Query": {*LISTS, "KeyConditionExpression", "ScanIndexForward"},
    "Scan": {*LISTS, "Segment", "TotalSegments"},
    "BatchGetItem": {"RequestItems"},
    "BatchWriteItem": {"RequestItems"},
    "TransactWriteItems": {"TransactItems", "ClientRequestToken"},
}


def assert_legal(request: Any) -> None:
    """Assert that DynamoDB would accept the request. Requests about tables are not checked."""
    body = request.body
    if "Table" in request.operation or "TimeToLive" in request.operation:
        return
    assert body.keys() <= MEMBERS[request.operation], f"{request.operation} has no such member"
    if request.operation == "BatchGetItem":
        _assert_read_batch(body["RequestItems"])
    elif request.operation == "BatchWriteItem":
        _assert_write_batch(body["RequestItems"])
    elif request.operation == "TransactWriteItems":
        _assert_transaction(body)
    else:
        _assert_single(body)


def size_of(item: Any) -> int:
    """Return the size of an item in bytes as DynamoDB counts it.

    It does not document how it pairs the digits of a number. The larger result is assumed.
    """
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Any) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = content.lstrip("-0").replace(".", "").rstrip("0")
        return 2 + len(digits) // 2 + content.startswith("-")
    if kind == "B":
        return len(content)
    if kind == "M":
        return 3 + size_of(content) + len(content)
    if kind == "L":
        return 3 + sum(1 + _size_of_value(each) for each in content)
    return 1


# Parts of a request


def _assert_single(body: Any) -> None:
    assert body["TableName"]
    for name in {"Key", "ExclusiveStartKey"} & body.keys():
        _assert_key(body[name])
    if "Item" in body:
        _assert_item(body["Item"])
    assert body.get("Limit", 1) >= 1
    assert 0 <= body.get("Segment", 0) < body.get("TotalSegments", 1) <= 1_000_000
    _assert_expressions(body)


def _assert_read_batch(tables: Any) -> None:
    for batch in tables.values():
        assert batch.keys() <= {"Keys", *READS} - {"TableName"}
        _assert_keys(batch["Keys"], 100)
        _assert_expressions(batch)


def _assert_write_batch(tables: Any) -> None:
    (writes,) = tables.values()
    steps = [next(iter(write.items())) for write in writes]
    for kind, step in steps:
        assert (kind, *step) in {("PutRequest", "Item"), ("DeleteRequest", "Key")}
    _assert_keys([_key_of(step) for _, step in steps], 25)
    for _, step in steps:
        if "Item" in step:
            _assert_item(step["Item"])


def _assert_transaction(body: Any) -> None:
    steps = [next(iter(step.items())) for step in body["TransactItems"]]
    for verb, step in steps:
        assert step.keys() <= MEMBERS[f"{verb}Item"] - {"ReturnValues"}, f"{verb} in a transaction"
        _assert_single(step)
    _assert_keys([_key_of(step) for _, step in steps], 100)
    assert sum(size_of(step.get("Item", {})) for _, step in steps) <= TRANSACTION
    assert len(body.get("ClientRequestToken", "")) <= 36


def _key_of(step: Any) -> Any:
    return step.get("Key") or {name: step["Item"][name] for name in KEYS}


def _assert_keys(keys: list[Any], limit: int) -> None:
    assert 1 <= len(keys) <= limit, f"{len(keys)} items in one request"
    for key in keys:
        _assert_key(key)
    assert len({(key["pk"]["S"], key["sk"]["S"]) for key in keys}) == len(keys), "an item twice"


def _assert_key(key: Any) -> None:
    assert key.keys() == KEYS.keys(), "another key than the table's"
    for name, limit in KEYS.items():
        assert key[name].keys() == {"S"}
        assert 1 <= len(key[name]["S"].encode()) <= limit, f"{name} has a wrong length"


def _assert_item(item: Any) -> None:
    _assert_key({name: item[name] for name in KEYS})
    _assert_value({"M": item})
    assert size_of(item) <= ITEM, f"an item of {size_of(item)} bytes"


def _assert_value(value: Any) -> None:
    ((kind, content),) = value.items()
    if kind == "N":
        number = NUMBER.fullmatch(content)
        assert number, f"{content!r} is not a whole number"
        assert len(number[1].strip("0")) <= DIGITS
    elif kind == "S":
        content.encode()
    elif kind == "M":
        for name, each in content.items():
            assert 1 <= len(name.encode()) <= NAME, f"a name of {len(name)} characters"
            _assert_value(each)
    else:
        raise AssertionError(f"{kind} is not a type we use")


# Expressions


def _assert_expressions(body: Any) -> None:
    names = body.get("ExpressionAttributeNames")
    values = body.get("ExpressionAttributeValues")
    texts = {kind: body[kind] for kind in EXPRESSIONS if kind in body}
    tokens = {kind: _tokens(text) for kind, text in texts.items()}
    used = {token for each in tokens.values() for token in each if token[0] in "#:"}
    assert names != {}, "an empty mapping"
    assert values != {}, "an empty mapping"
    names, values = names or {}, values or {}
    assert used == names.keys() | values.keys(), "placeholders that are not used, or not defined"
    assert all(len(each.encode()) <= PLACEHOLDER for each in used)
    assert all(1 <= len(each.encode()) <= NAME for each in names.values())
    for value in values.values():
        _assert_value(value)
    assert _substituted(names, values) <= SUBSTITUTIONS
    if "UpdateExpression" in tokens:
        _assert_update(tokens["UpdateExpression"], names)
    if "ProjectionExpression" in tokens:
        _assert_apart(_paths(_parts(tokens["ProjectionExpression"], {","}), names))
    if "KeyConditionExpression" in tokens:
        assert not set(_attribute_names(tokens.get("FilterExpression", []), names)) & KEYS.keys()


def _tokens(text: str) -> list[str]:
    assert 1 <= len(text.encode()) <= EXPRESSION, f"an expression of {len(text)} bytes"
    assert not TOKEN.sub("", text), f"{text!r} is not an expression"
    tokens = TOKEN.findall(text)
    words = {token for token in tokens if token[0].isalnum() or token[0] == "_"}
    assert words <= CLAUSES | LOGIC | FUNCTIONS, "a name in an expression may be a reserved word"
    assert sum(token in LOGIC | FUNCTIONS for token in tokens if token != "=") <= OPERATORS
    return tokens


def _substituted(names: Any, values: Any) -> int:
    both = [*names, *names.values(), *values]
    return sum(len(each.encode()) for each in both) + sum(map(_size_of_value, values.values()))


def _assert_update(tokens: list[str], names: Any) -> None:
    clauses = [token for token in tokens if token in CLAUSES]
    assert tokens[0] in CLAUSES
    assert len(set(clauses)) == len(clauses), "a clause twice"
    targets = [part[: part.index("=")] if "=" in part else part for part in _parts(tokens)]
    paths = _paths(targets, names)
    assert not {path[0] for path in paths} & KEYS.keys(), "a key cannot be changed"
    _assert_apart(paths)


def _parts(tokens: Iterable[str], ends: set[str] = CLAUSES | {","}) -> Iterator[list[str]]:
    """Yield the tokens between these ends. No function with two arguments is used in them."""
    part: list[str] = []
    for token in [*tokens, ","]:
        if token not in ends:
            part.append(token)
        elif part:
            yield part
            part = []


def _paths(parts: Iterable[list[str]], names: Any) -> list[tuple[str, ...]]:
    return [tuple(_attribute_names(part, names)) for part in parts]


def _attribute_names(tokens: Iterable[str], names: Any) -> Iterator[str]:
    return (names[token] for token in tokens if token[0] == "#")


def _assert_apart(paths: list[tuple[str, ...]]) -> None:
    """Assert that no path equals another or is inside it."""
    assert all(paths)
    for one, next in pairwise(sorted(paths)):
        assert next[: len(one)] != one, f"{one} and {next} overlap"
