"""The requests for each step of a verb. Pure.

A session is never written without a condition, and an update never creates one. The answer to a
write whose condition fails has the stored item, which saves a read.
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

# Fields that one update sets or removes at most: an expression may have 4 KB and 300 operators.
MAX_FIELDS = 100
INDEX_PAGE = 1000  # index entries that are read at a time

Request = Mapping[str, Any]
_RETURN_STORED = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
_FACTS_ONLY = projection(FACTS)


class Write(NamedTuple):
    """A PutItem, UpdateItem or DeleteItem request, to send alone or as part of a transaction."""

    verb: str  # "Put", "Update", "Delete"
    request: Request


class Requests:
    """The requests to one table."""

    def __init__(self, table: str, *, consistent_read: bool) -> None:
        self.table = table
        self._read_parameters = {"TableName": table, "ConsistentRead": consistent_read}

    # One session

    def read(self, id: str, names: Collection[str] | None = None) -> Request:
        """Return the GetItem request for a session, with all its fields or only these.

        With more than `MAX_FIELDS` names it reads all fields, too.
        """
        request = {**self._read_parameters, "Key": encoding.session_key(id)}
        if names is None or len(names) > MAX_FIELDS:
            return request
        return {**request, **projection((*FACTS, *map(encoding.field_attribute, names)))}

    def insert(self, item: Item) -> Write:
        """Return the write of a new session. Its condition fails if the id is taken."""
        expression = Expression()
        return self._put(item, expression, f"attribute_not_exists({expression.name(PK)})")

    def replace(self, item: Item, version: str) -> Write:
        """Return the write of a whole session, on the condition that its version is as read."""
        expression = Expression()
        return self._put(item, expression, expression.where(VERSION, "=", {"S": version}))

    def update(self, id: str, change: Change, now: datetime, version: str) -> Write:
        """Return the update of a live session.

        Its condition also fails if the item might become too large, or if the session would expire
        later than its index entries. In these two cases the whole item has to be written.
        """
        expression = Expression()
        attributes = {**encoding.change_attributes(change), VERSION: {"S": version}}
        growth = _growth(attributes, change.references)
        condition = " AND ".join(_conditions(expression, change, now, growth))
        update = _update_expression(expression, change, attributes, growth)
        key = encoding.session_key(id)
        return self._write("Update", key, expression, condition, UpdateExpression=update)

    def delete(self, id: str, expired_at: datetime | None = None) -> Write:
        """Return the delete of a session, which is answered with the deleted item.

        With a time, the condition fails unless the session has expired by then.
        """
        expression, condition = Expression(), ""
        if expired_at is not None:
            condition = expression.where("expires", "<=", _time(expired_at))
        key = encoding.session_key(id)
        return self._write("Delete", key, expression, condition, ReturnValues="ALL_OLD")

    def end(self, key: Item, version: str) -> Write:
        """Return the delete of a session, on the condition that its version is as read.

        The answer has its data only if the condition fails.
        """
        expression = Expression()
        condition = expression.where(VERSION, "=", {"S": version})
        return self._write("Delete", key, expression, condition)

    def claim(self, id: str, version: str, claim: str) -> Write:
        """Return the update that makes a session expired if its version is as read.

        ``claim`` becomes its version, so that the writer recognizes its own write if the answer was
        lost. After a delete it could not: the item would be missing whoever deleted it.
        """
        expression = Expression()
        condition = expression.where(VERSION, "=", {"S": version})
        update = f"SET {expression.where(VERSION, '=', {'S': claim})}"
        update += f", {expression.where('expires', '=', encoding.number(0))}"
        key = encoding.session_key(id)
        return self._write("Update", key, expression, condition, UpdateExpression=update)

    def purge(self, item: Item, now: datetime) -> Write:
        """Return the delete of a session or index entry, on condition that it has expired."""
        expression = Expression()
        if encoding.is_session(item):
            condition = expression.where("expires", "<=", _time(now))
        else:
            condition = expression.where(TTL, "<=", encoding.number(encoding.seconds(now)))
        return self._write("Delete", encoding.primary_key(item), expression, condition)

    # The index

    def add_to_index(self, id: str, name: str, value: str, until: int) -> Write:
        """Return the write of an index entry. Its condition fails if the entry lives as long."""
        expression = Expression()
        ends_sooner = expression.where(TTL, "<", encoding.number(until))
        condition = f"attribute_not_exists({expression.name(PK)}) OR {ends_sooner}"
        return self._put(encoding.index_entry(id, name, value, until), expression, condition)

    def remove_from_index(self, id: str, name: str, value: str) -> Write:
        """Return the delete of an index entry. It needs no condition: an id is never used again."""
        return self._write("Delete", encoding.entry_key(name, value, id), Expression(), "")

    def index(self, name: str, value: str) -> Request:
        """Return the Query request for the ids that the index has under a reference.

        The read is always consistent, so that it has every login that has returned.
        """
        expression = Expression()
        return {
            "TableName": self.table,
            "ConsistentRead": True,
            "Limit": INDEX_PAGE,
            "KeyConditionExpression": expression.where(
                PK, "=", {"S": encoding.index_partition(name, value)}
            ),
            "ProjectionExpression": expression.name(SK),
            **expression.parameters(),
        }

    # Many sessions

    def facts(self, ids: Iterable[str]) -> Request:
        """Return the table's part of a BatchGetItem request for sessions without their fields."""
        return {"Keys": [*map(encoding.session_key, ids)], "ConsistentRead": True, **_FACTS_ONLY}

    def live(self, now: datetime, limit: int) -> Request:
        """Return the Scan request for live sessions without their fields.

        It reads ``limit`` items, of whatever kind.
        """
        expression = Expression()
        condition = self._is_live(expression, now)
        scan = self._scan(expression, condition, FACTS)
        return {**scan, "ConsistentRead": True, "Limit": limit}

    def count(self, now: datetime, expired_only: bool = False) -> Request:
        """Return the Scan request that counts live sessions, or what `expired` would read."""
        expression = Expression()
        condition = self._is_expired if expired_only else self._is_live
        return {**self._scan(expression, condition(expression, now)), "Select": "COUNT"}

    def expired(self, now: datetime) -> Request:
        """Return the Scan request for expired sessions and expired index entries."""
        expression = Expression()
        return self._scan(expression, self._is_expired(expression, now), FACTS)

    def all_keys(self) -> Request:
        """Return the Scan request for the keys of all sessions and index entries."""
        expression = Expression()
        condition = f"{expression.begins(PK, SESSIONS)} OR {expression.begins(PK, ENTRIES)}"
        return {**self._scan(expression, condition, (PK, SK)), "ConsistentRead": True}

    def _is_live(self, expression: Expression, now: datetime) -> str:
        is_live = expression.where("expires", ">", _time(now))
        return f"{expression.begins(PK, SESSIONS)} AND {is_live}"

    def _is_expired(self, expression: Expression, now: datetime) -> str:
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
        return Write("Put", {**request, **expression.parameters(), **_RETURN_STORED})

    def _write(
        self, verb: str, key: Item, expression: Expression, condition: str, **more: Any
    ) -> Write:
        request = {"TableName": self.table, "Key": key, **expression.parameters(), **more}
        conditional = {"ConditionExpression": condition, **_RETURN_STORED} if condition else {}
        return Write(verb, {**request, **conditional})


def fits(change: Change) -> bool:
    """Return whether one update can apply the change.

    Otherwise the whole item has to be read and written. That is also the case for a change that
    adds references without an expiry: how long are their index entries to live?
    """
    has_expiry = change.expires_at is not None or not any(change.references.values())
    is_short = len(change.set) + len(change.unset) <= MAX_FIELDS
    texts = [*change.set, *change.unset, *change.set.values()]
    return has_expiry and is_short and sum(map(len, texts)) < encoding.MAX_ITEM_BYTES


def _conditions(
    expression: Expression, change: Change, now: datetime, growth: int
) -> Iterable[str]:
    """Yield the conditions of an update. See Requests.update()."""
    yield expression.where("expires", ">", _time(now))
    if growth:
        yield expression.where(SIZE, "<=", encoding.number(encoding.MAX_ITEM_BYTES - growth))
    if change.expires_at is not None:
        end = encoding.number(encoding.seconds(change.expires_at))
        yield expression.where(BOUND, ">=", end)
        if any(change.references.values()):  # or their entries would expire before the bound
            bound = encoding.number(encoding.new_bound(change.expires_at, now))
            yield expression.where(BOUND, "<=", bound)


def _update_expression(
    expression: Expression, change: Change, attributes: Item, growth: int
) -> str:
    sets = [f"{expression.name(n)} = {expression.value(value)}" for n, value in attributes.items()]
    if growth:
        size = expression.name(SIZE)
        sets.append(f"{size} = {size} + {expression.value(encoding.number(growth))}")
    removes = [expression.name(encoding.field_attribute(name)) for name in change.unset]
    for name, value in change.references.items():
        path = expression.name("references", name)
        if value is None:
            removes.append(path)
        else:
            sets.append(f"{path} = {expression.value({'S': value})}")
    return f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else "")


def _growth(attributes: Item, references: Mapping[str, str | None]) -> int:
    """Return by how many bytes the item grows at most. Times and versions don't change its size."""
    texts = {name: value for name, value in attributes.items() if "S" in value and name != VERSION}
    values = {name: {"S": value} for name, value in references.items() if value is not None}
    return encoding.size_of(texts) + encoding.size_of(values) + len(values)


def _time(time: datetime) -> encoding.Value:
    return encoding.number(to_microseconds(time))
