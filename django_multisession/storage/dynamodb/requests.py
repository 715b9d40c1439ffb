"""What is sent for each step of a verb. Pure.

A session is never written without a condition, and an update never makes one. A write whose
condition fails is answered with what is there, which saves a read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ...core.expiry import to_microseconds
from ...core.record import Change
from . import encoding
from .encoding import BOUND, ENTRIES, FACTS, PK, SESSIONS, SIZE, SK, TTL, VERSION, Item
from .expressions import Expression, projection

# Fields an update sets or removes at most: an expression has 4 KB and 300 operators.
FIELDS = 100
LISTED = 1000  # index entries read at a time

Request = Mapping[str, Any]
_TELLS = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
_FACTS = projection(FACTS)


class Write(NamedTuple):
    """One of PutItem, UpdateItem, DeleteItem; alone or as part of a transaction."""

    verb: str  # "Put", "Update", "Delete"
    request: Request


class Requests:
    """The requests of one table."""

    def __init__(self, table: str, *, consistent_read: bool) -> None:
        self.table = table
        self._reading = {"TableName": table, "ConsistentRead": consistent_read}

    # One session

    def read(self, id: str, names: Collection[str] | None = None) -> Request:
        request = {**self._reading, "Key": encoding.session_key(id)}
        if names is None or len(names) > FIELDS:
            return request
        return {**request, **projection((*FACTS, *map(encoding.attribute, names)))}

    def insert(self, item: Item) -> Write:
        expression = Expression()
        return self._put(item, expression, f"attribute_not_exists({expression.name(PK)})")

    def replace(self, item: Item, version: str) -> Write:
        """Write the whole, unless somebody wrote since it was read."""
        expression = Expression()
        return self._put(item, expression, expression.where(VERSION, "=", {"S": version}))

    def update(self, id: str, change: Change, now: datetime, version: str) -> Write:
        """Refused where the session is not live. Besides, where the item might become too large,
        or where the index might forget it: then the whole has to be written."""
        expression = Expression()
        set_ = {**encoding.of_change(change), VERSION: {"S": version}}
        added = _added(set_, change.references)
        condition = " AND ".join(_conditions(expression, change, now, added))
        update = _update(expression, change, set_, added)
        key = encoding.session_key(id)
        return self._write("Update", key, expression, condition, UpdateExpression=update)

    def delete(self, id: str, over_at: datetime | None = None) -> Write:
        """Answered with what was deleted. With a time: only if it was over by then."""
        expression, condition = Expression(), ""
        if over_at is not None:
            condition = expression.where("expires", "<=", _time(over_at))
        key = encoding.session_key(id)
        return self._write("Delete", key, expression, condition, ReturnValues="ALL_OLD")

    def end(self, key: Item, version: str) -> Write:
        """Delete a session as it was read. Its data does not travel, unless it has changed."""
        expression = Expression()
        condition = expression.where(VERSION, "=", {"S": version})
        return self._write("Delete", key, expression, condition)

    def claim(self, id: str, version: str, claim: str) -> Write:
        """Have a session be over as it was read, in a way that one knows again: a delete whose
        answer was lost looks like somebody else's."""
        expression = Expression()
        condition = expression.where(VERSION, "=", {"S": version})
        update = f"SET {expression.where(VERSION, '=', {'S': claim})}"
        update += f", {expression.where('expires', '=', encoding.number(0))}"
        key = encoding.session_key(id)
        return self._write("Update", key, expression, condition, UpdateExpression=update)

    def purge(self, item: Item, now: datetime) -> Write:
        """Delete a session that is over, or an entry that nobody vouches for."""
        expression = Expression()
        if encoding.is_session(item):
            condition = expression.where("expires", "<=", _time(now))
        else:
            condition = expression.where(TTL, "<=", encoding.number(encoding.seconds(now)))
        return self._write("Delete", encoding.primary_key(item), expression, condition)

    # The index

    def enter(self, id: str, name: str, value: str, until: int) -> Write:
        """Refused where the entry lives as long already."""
        expression = Expression()
        sooner = expression.where(TTL, "<", encoding.number(until))
        condition = f"attribute_not_exists({expression.name(PK)}) OR {sooner}"
        return self._put(encoding.entry(id, name, value, until), expression, condition)

    def leave(self, id: str, name: str, value: str) -> Write:
        """Once the session is gone, whose id never comes back."""
        return self._write("Delete", encoding.entry_key(name, value, id), Expression(), "")

    def entries(self, name: str, value: str) -> Request:
        """The ids that the index has under a reference. Always consistent: a login counts at
        once."""
        expression = Expression()
        return {
            "TableName": self.table,
            "ConsistentRead": True,
            "Limit": LISTED,
            "KeyConditionExpression": expression.where(
                PK, "=", {"S": encoding.partition_of(name, value)}
            ),
            "ProjectionExpression": expression.name(SK),
            **expression.parameters(),
        }

    # Many sessions

    def facts(self, ids: Iterable[str]) -> Request:
        """Of a BatchGetItem, for this table."""
        return {"Keys": [*map(encoding.session_key, ids)], "ConsistentRead": True, **_FACTS}

    def live(self, now: datetime, limit: int) -> Request:
        """The facts of live sessions, among so many items."""
        expression = Expression()
        condition = self._live(expression, now)
        scan = self._scan(expression, condition, FACTS)
        return {**scan, "ConsistentRead": True, "Limit": limit}

    def count(self, now: datetime, expired_only: bool = False) -> Request:
        expression = Expression()
        meant = self._over if expired_only else self._live
        return {**self._scan(expression, meant(expression, now)), "Select": "COUNT"}

    def over(self, now: datetime) -> Request:
        """Sessions that are over, and entries that nobody vouches for."""
        expression = Expression()
        return self._scan(expression, self._over(expression, now), FACTS)

    def ours(self) -> Request:
        """The keys of all that is ours."""
        expression = Expression()
        condition = f"{expression.begins(PK, SESSIONS)} OR {expression.begins(PK, ENTRIES)}"
        return {**self._scan(expression, condition, (PK, SK)), "ConsistentRead": True}

    def _live(self, expression: Expression, now: datetime) -> str:
        is_live = expression.where("expires", ">", _time(now))
        return f"{expression.begins(PK, SESSIONS)} AND {is_live}"

    def _over(self, expression: Expression, now: datetime) -> str:
        return (
            f"{expression.begins(PK, SESSIONS)} AND "
            f"{expression.where('expires', '<=', _time(now))} OR "
            f"{expression.begins(PK, ENTRIES)} AND "
            f"{expression.where(TTL, '<=', encoding.number(encoding.seconds(now)))}"
        )

    def _scan(
        self, expression: Expression, condition: str, attributes: Collection[str] = ()
    ) -> dict[str, Any]:
        names = ",".join(expression.name(attribute) for attribute in attributes)
        return {
            "TableName": self.table,
            "FilterExpression": condition,
            **({"ProjectionExpression": names} if names else {}),
            **expression.parameters(),
        }

    def _put(self, item: Item, expression: Expression, condition: str) -> Write:
        request = {"TableName": self.table, "Item": item, "ConditionExpression": condition}
        return Write("Put", {**request, **expression.parameters(), **_TELLS})

    def _write(
        self, verb: str, key: Item, expression: Expression, condition: str, **further: Any
    ) -> Write:
        request = {"TableName": self.table, "Key": key, **expression.parameters(), **further}
        conditional = {"ConditionExpression": condition, **_TELLS} if condition else {}
        return Write(verb, {**request, **conditional})


def fits(change: Change) -> bool:
    """Can an update carry it? Else the whole has to be read and written."""
    is_dated = change.expires_at is not None or not any(change.references.values())
    is_short = len(change.set) + len(change.unset) <= FIELDS
    texts = [*change.set, *change.unset, *change.set.values()]
    return is_dated and is_short and sum(map(len, texts)) < encoding.LIMIT


def _conditions(expression: Expression, change: Change, now: datetime, added: int) -> Iterable[str]:
    yield expression.where("expires", ">", _time(now))
    if added:
        yield expression.where(SIZE, "<=", encoding.number(encoding.LIMIT - added))
    if change.expires_at is not None:
        end = encoding.number(encoding.seconds(change.expires_at))
        yield expression.where(BOUND, ">=", end)
        if any(change.references.values()):  # or their entries would die before it
            bound = encoding.number(encoding.bound_of(change.expires_at, now))
            yield expression.where(BOUND, "<=", bound)


def _update(expression: Expression, change: Change, set_: Item, added: int) -> str:
    sets = [f"{expression.name(n)} = {expression.value(value)}" for n, value in set_.items()]
    if added:
        size = expression.name(SIZE)
        sets.append(f"{size} = {size} + {expression.value(encoding.number(added))}")
    removes = [expression.name(encoding.attribute(name)) for name in change.unset]
    for name, value in change.references.items():
        path = expression.name("references", name)
        if value is None:
            removes.append(path)
        else:
            sets.append(f"{path} = {expression.value({'S': value})}")
    return f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else "")


def _added(set_: Item, references: Mapping[str, str | None]) -> int:
    """How many bytes larger an item becomes, at most. Times and versions are as long as before."""
    texts = {name: value for name, value in set_.items() if "S" in value and name != VERSION}
    values = {name: {"S": value} for name, value in references.items() if value is not None}
    return encoding.bytes_of(texts) + encoding.bytes_of(values) + len(values)


def _time(moment: datetime) -> encoding.Value:
    return encoding.number(to_microseconds(moment))
