"""The requests for leases, and their answers. Pure.

::

    pk           sk   item
    l#<name>     l    a lease of ``owner`` until ``ends`` (in microseconds since 1970)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from ...core.expiry import from_microseconds, to_microseconds
from . import encoding
from .encoding import PK, SK, TTL, Item
from .expressions import Expression
from .requests import Request, Write

LEASES, LEASE = "l#", "l"
ENDS, OWNER = "ends", "owner"


def acquire_lease(table: str, name: str, owner: str, until: datetime, now: datetime) -> Write:
    """Return the write that takes a lease. Its condition fails if another owner has the lease."""
    item = {
        **_key(name),
        OWNER: {"S": owner},
        ENDS: encoding.number(to_microseconds(until)),
        TTL: encoding.number(encoding.seconds(until)),
    }
    expression = Expression()
    condition = (
        f"attribute_not_exists({expression.name(PK)}) OR "
        f"{expression.where(OWNER, '=', {'S': owner})} OR "
        f"{expression.where(ENDS, '<=', encoding.number(to_microseconds(now)))}"
    )
    request = {"TableName": table, "Item": item, "ConditionExpression": condition}
    return Write("Put", {**request, **expression.parameters()})


def active_leases(names: Collection[str]) -> Request:
    """Return the table's part of a BatchGetItem request that reads these leases."""
    return {"Keys": [*map(_key, dict.fromkeys(names))], "ConsistentRead": True}


def live(items: Iterable[Item], names: Collection[str], now: datetime) -> Mapping[str, datetime]:
    """Return the end of each lease that has not ended, by name. DynamoDB deletes items late.

    Raises WrongAnswer for a lease that was not requested.
    """
    ends = {
        item[PK]["S"].removeprefix(LEASES): from_microseconds(encoding.number_in(item, ENDS))
        for item in items
    }
    if not ends.keys() <= {*names}:
        raise encoding.WrongAnswer("DynamoDB answered with leases that were not requested.")
    return {name: end for name, end in ends.items() if end > now}


def _key(name: str) -> Item:
    return {PK: {"S": f"{LEASES}{name}"}, SK: {"S": LEASE}}
