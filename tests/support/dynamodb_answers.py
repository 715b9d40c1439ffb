"""The answers of DynamoDB in trouble, as a proxy in front of it gives them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

TYPE = "com.amazonaws.dynamodb.v20120810#"
CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons"


@dataclass(frozen=True)
class Request:
    operation: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class Answer:
    data: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def made(cls, body: dict[str, Any], status: int = 200) -> Answer:
        """Return an answer with this body, as the server would send it."""
        headers = {"x-amzn-RequestId": str(uuid4()), "content-type": "application/x-amz-json-1.0"}
        return cls(json.dumps(body).encode(), status, headers)


Forward = Callable[[Request], Answer]
# Returns the answer to a request, which it may forward. HANGS_UP and SILENCE are answers, too.
Fault = Callable[[Request, Forward], Answer]
HANGS_UP, SILENCE = Answer(b""), Answer(b"")


def error(code: str, message: str, status: int = 400, **more: Any) -> Answer:
    return Answer.made({"__type": TYPE + code, "message": message, **more}, status)


def conflicting(request: Request, codes: tuple[str, ...]) -> Answer:
    if request.operation not in {"TransactWriteItems", "TransactGetItems"}:
        message = "Transaction is ongoing for the item"
        return error("TransactionConflictException", message)
    rest = len(request.body["TransactItems"]) - len(codes)
    codes += ("None",) * rest  # DynamoDB gives one reason for each item
    reasons = [{"Code": code} for code in codes]
    message = f"{CANCELLED} [{', '.join(codes)}]"
    return error("TransactionCanceledException", message, CancellationReasons=reasons)


def partly(request: Request, forward: Forward, passed: int) -> Answer:
    tables = request.body["RequestItems"]
    first, rest = parted(tables, passed)
    is_read = request.operation == "BatchGetItem"
    body = {"Responses": {table: [] for table in tables}} if is_read else {}
    if first:  # the server refuses an empty batch
        batch = {**request.body, "RequestItems": first}
        answer = forward(replace(request, body=batch))
        if answer.status != 200:
            return answer
        body |= json.loads(answer.data)
    return Answer.made({**body, "UnprocessedKeys" if is_read else "UnprocessedItems": rest})


def parted(tables: dict[str, Any], size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the first entries, counted over all tables, and the rest."""
    first: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for table, entries in tables.items():
        keys = entries["Keys"] if isinstance(entries, dict) else entries
        for part, some in ((first, keys[:size]), (rest, keys[size:])):
            if some:
                part[table] = {**entries, "Keys": some} if keys is not entries else some
        size = max(0, size - len(keys))
    return first, rest
