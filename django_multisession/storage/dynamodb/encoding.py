"""The conversion of records to items and back. Pure.

::

    pk           sk   item
    s#<id>       s    a session: its facts, and each field as an attribute ``.<name>``
    r#user=42    id   an index entry: until its ``ttl`` this session may have the reference

- Fields are text and not documents, so no type is lost, and an update can change one field without
  reading the others.
- Times are microseconds since 1970. ``ttl`` is in seconds, rounded up, because DynamoDB reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ...core.codec import logger
from ...core.expiry import from_microseconds, to_microseconds
from ...core.record import Change, Record
from ..base import Entry, SessionTooLarge

Value = Mapping[str, Any]  # {type: value}
Item = Mapping[str, Value]

PK, SK, TTL = "pk", "sk", "ttl"
SESSION = "s"  # the sort key of every session
SESSIONS, ENTRIES = "s#", "r#"  # prefixes of partition keys

# The time in seconds until which the session's index entries live.
BOUND = "bound"
# An upper bound of the item's size in bytes. An update adds the size of what it sends; a write of
# the whole item counts anew.
SIZE = "size"
# A random text that identifies the last write.
VERSION = "version"
# The attributes that a listing reads.
FACTS = (PK, SK, "created", "seen", "expires", "references", "ip", "agent", "label", VERSION, SIZE)

# Limits of DynamoDB.
MAX_NAME_BYTES = 65_535  # of an attribute, the dot in front of a field's name included
MAX_ITEM_BYTES = 400 * 1024  # names included
TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 4 * 1024 * 1024

_MICROSECONDS = 1_000_000  # in a second
_MIN_MARGIN = 24 * 60 * 60  # seconds


class WrongAnswer(Exception):
    """The answer does not belong to the request.

    It has another item, because two processes share a connection, or it isn't from DynamoDB.
    """


def session_key(id: str) -> Item:
    return {PK: {"S": f"{SESSIONS}{id}"}, SK: {"S": SESSION}}


def entry_key(name: str, value: str, id: str) -> Item:
    return {PK: {"S": index_partition(name, value)}, SK: {"S": id}}


def index_entry(id: str, name: str, value: str, until: int) -> Item:
    return {**entry_key(name, value, id), TTL: number(until)}


def index_partition(name: str, value: str) -> str:
    """Return the partition key of a reference's index entries."""
    return f"{ENTRIES}{name}={value}"


def primary_key(item: Item) -> Item:
    return {PK: item[PK], SK: item[SK]}


def id_of(item: Item) -> str:
    """Return the id of a session's item, which needs no attribute but its partition key."""
    return str(item[PK]["S"].removeprefix(SESSIONS))


def seconds(time: datetime) -> int:
    """Return the seconds since 1970, rounded up: what is deleted then has expired."""
    return -(-to_microseconds(time) // _MICROSECONDS)


def new_bound(expires_at: datetime, now: datetime) -> int:
    """Return the time in seconds until which a session's index entries are to live.

    That is one more lifetime after its expiry, or a day if that is longer. Touches can extend the
    session up to this time without a write to the index.
    """
    end = seconds(expires_at)
    return end + max(end - seconds(now), _MIN_MARGIN)


def renew_bound(bound: int, expires_at: datetime, now: datetime) -> int:
    """Return the bound if the session expires within it, or else a new one."""
    return bound if bound >= seconds(expires_at) else new_bound(expires_at, now)


def to_item(id: str, record: Record, bound: int, version: str) -> dict[str, Value]:
    """Return the item of a record.

    Raises SessionTooLarge, and ValueError for the name of a field that DynamoDB does not accept.
    """
    texts = {"ip": record.ip, "agent": record.user_agent, "label": record.label}
    item: dict[str, Value] = {
        **session_key(id),
        "created": number(to_microseconds(record.created_at)),
        "seen": number(to_microseconds(record.last_seen_at)),
        "references": {"M": {name: {"S": value} for name, value in record.references.items()}},
        **expiry_attributes(record.expires_at),
        **{name: {"S": text} for name, text in texts.items() if text not in (None, "")},
        **field_attributes(record.fields),
        BOUND: number(bound),
        VERSION: {"S": version},
        SIZE: number(MAX_ITEM_BYTES),  # has as many digits as the size, or more
    }
    item[SIZE] = number(check_size(item, record.fields))
    return item


def change_attributes(change: Change) -> dict[str, Value]:
    """Return the attributes that a change sets, except its references."""
    times = {} if change.expires_at is None else expiry_attributes(change.expires_at)
    if change.last_seen_at is not None:
        times["seen"] = number(to_microseconds(change.last_seen_at))
    texts = {"ip": change.ip, "agent": change.user_agent, "label": change.label}
    return {
        **times,
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        **field_attributes({n: v for n, v in change.set.items() if n not in change.unset}),
    }


def field_attributes(fields: Mapping[str, bytes]) -> dict[str, Value]:
    return {field_attribute(name): {"S": value.decode()} for name, value in fields.items()}


def expiry_attributes(expires_at: datetime) -> dict[str, Value]:
    return {"expires": number(to_microseconds(expires_at)), TTL: number(seconds(expires_at))}


def field_attribute(name: str) -> str:
    """Return the name of the attribute that holds a field.

    Raises ValueError for a name that DynamoDB does not accept.
    """
    if len(name) > MAX_NAME_BYTES // 4 and len(name.encode()) >= MAX_NAME_BYTES:
        raise ValueError(
            f"The name {name[:50]!r}... of a field has {MAX_NAME_BYTES:,} bytes or more."
        )
    return f".{name}"


def number(value: int) -> Value:
    return {"N": str(value)}


def to_record(id: str, item: Item | None) -> Record | None:
    """Return the record, or None if there is no item or if it is corrupt, which is logged.

    Raises WrongAnswer for the item of another session.
    """
    if not item:
        return None
    if item[PK]["S"] != f"{SESSIONS}{id}":
        raise WrongAnswer(f"DynamoDB answered a request for session {id} with another item.")
    try:
        return _record(item)
    except (KeyError, TypeError, ValueError, OverflowError):
        logger.warning("The record of session %s is corrupt", id)
        return None


def to_entries(items: Iterable[Item]) -> list[Entry]:
    """Return the ids and records of these items of sessions, without the corrupt ones."""
    pairs = ((id_of(item), item) for item in items)
    return [(id, record) for id, item in pairs if (record := to_record(id, item))]


def is_session(item: Item) -> bool:
    return bool(item[PK]["S"].startswith(SESSIONS))


def is_claimed(item: Item) -> bool:
    """Return whether a rename without transactions has moved the session. See Requests.claim()."""
    return item.get("expires") == number(0)


def reference_in(item: Item, name: str) -> str | None:
    """Return the value of a reference, or None."""
    references = item.get("references", {}).get("M", {})
    return references[name].get("S") if name in references else None


def transaction_batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield as many items at a time as one transaction may delete.

    DynamoDB counts the size of deleted items, too.
    """
    batch: list[Item] = []
    size = 0
    for item in items:
        size += number_in(item, SIZE)
        if batch and (len(batch) == TRANSACTION_ITEMS or size > TRANSACTION_BYTES):
            yield batch
            batch, size = [], number_in(item, SIZE)
        batch.append(item)
    if batch:
        yield batch


def live_entries(items: Iterable[Item], now: datetime) -> list[Entry]:
    """Return the ids and records of those items that are live sessions."""
    return [(id, record) for id, record in to_entries(items) if record.is_live(now)]


def check_ids(items: Iterable[Item], ids: Iterable[str]) -> list[Item]:
    """Return the items. Raises WrongAnswer if one of them does not have one of these ids."""
    requested, received = {*ids}, list(items)
    if not requested.issuperset(map(id_of, received)):
        raise WrongAnswer("DynamoDB answered with items of sessions that were not requested.")
    return received


def number_in(item: Item, name: str) -> int:
    """Return a number, or 0 if the attribute was not read or is not a whole number."""
    try:
        return int(item[name]["N"])
    except (KeyError, ValueError):
        return 0


def size_of(item: Item) -> int:
    """Return the item's size in bytes as DynamoDB counts it, or a few bytes more."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def check_size(item: Item, fields: Mapping[str, bytes]) -> int:
    """Return the size in bytes. Raises SessionTooLarge if DynamoDB does not store so much."""
    size = size_of(item)
    if size > MAX_ITEM_BYTES:
        sizes = {name: len(value) for name, value in fields.items()}
        raise SessionTooLarge(size, MAX_ITEM_BYTES, sizes)
    return size


def _value_size(value: Value) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + size_of(content) + len(content)
    return len(content) // 2 + 3 if kind == "N" else len(content.encode())


def _record(item: Item) -> Record:
    return Record(
        fields={name[1:]: value["S"].encode() for name, value in item.items() if name[0] == "."},
        created_at=from_microseconds(item["created"]["N"]),
        last_seen_at=from_microseconds(item["seen"]["N"]),
        expires_at=from_microseconds(item["expires"]["N"]),
        references={name: value["S"] for name, value in item["references"]["M"].items()},
        ip=item["ip"]["S"] if "ip" in item else None,
        user_agent=item["agent"]["S"] if "agent" in item else "",
        label=item["label"]["S"] if "label" in item else "",
        version=item[VERSION]["S"],
    )
