"""Leases: whose they are, and until when. Pure.

::

    pk           sk   item
    l#<name>     l    a lease, until ``ends`` (in microseconds), of ``owner``
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
    """Refused where another owner has it."""
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
    """Of a BatchGetItem."""
    return {"Keys": [*map(_key, dict.fromkeys(names))], "ConsistentRead": True}


def live(leases: Iterable[Item], names: Collection[str], now: datetime) -> Mapping[str, datetime]:
    """Name -> end, of those that have not ended. DynamoDB deletes late.

    Raises WrongAnswer for one that was not asked for.
    """
    keys = ((each[PK]["S"].removeprefix(LEASES), each) for each in leases)
    ends = {name: from_microseconds(encoding.number_in(each, ENDS)) for name, each in keys}
    if not ends.keys() <= {*names}:
        raise encoding.WrongAnswer("DynamoDB answered with leases that were not asked for.")
    return {name: end for name, end in ends.items() if end > now}


def _key(name: str) -> Item:
    return {PK: {"S": f"{LEASES}{name}"}, SK: {"S": LEASE}}
