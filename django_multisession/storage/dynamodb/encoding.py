"""Records to items and back. Pure.

::

    pk           sk   item
    s#<id>       s    a session: its facts, and each of its fields under its name after a dot
    r#user=42    id   an index entry: until its ``ttl`` this session may have the reference

Fields are text and not documents: no type is lost, and to change one, no other has to be there.
Times are microseconds since 1970; ``ttl`` is in seconds, rounded up, for DynamoDB reads it, too.
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
SESSIONS, ENTRIES = "s#", "r#"  # what partition keys begin with

# Until when (in seconds) the index vouches for the session: its entries live that long.
BOUND = "bound"
# At least as many bytes as the item takes. A save adds what it sends; who writes the whole counts.
SIZE = "size"
# Names the last write.
VERSION = "version"
# What a listing reads.
FACTS = (PK, SK, "created", "seen", "expires", "references", "ip", "agent", "label", VERSION, SIZE)

NAME = 65_535  # bytes a name may have, the dot before it included
LIMIT = 400 * 1024  # bytes an item may take, names included
TOGETHER = 100  # items of a transaction
TOGETHER_BYTES = 4 * 1024 * 1024
_SECOND = 1_000_000
_MARGIN = 24 * 60 * 60  # seconds


class WrongAnswer(Exception):
    """This is not what was asked for: another item, because two processes share a connection, or
    no answer of DynamoDB's at all."""


def session_key(id: str) -> Item:
    return {PK: {"S": f"{SESSIONS}{id}"}, SK: {"S": SESSION}}


def entry_key(name: str, value: str, id: str) -> Item:
    return {PK: {"S": partition_of(name, value)}, SK: {"S": id}}


def entry(id: str, name: str, value: str, until: int) -> Item:
    return {**entry_key(name, value, id), TTL: number(until)}


def partition_of(name: str, value: str) -> str:
    """Where the entries of a reference are."""
    return f"{ENTRIES}{name}={value}"


def primary_key(item: Item) -> Item:
    return {PK: item[PK], SK: item[SK]}


def id_of(item: Item) -> str:
    """Of a session, whose partition key at least was read."""
    return str(item[PK]["S"].removeprefix(SESSIONS))


def seconds(time: datetime) -> int:
    """Since 1970, rounded up: what is deleted at this time is over."""
    return -(-to_microseconds(time) // _SECOND)


def bound_of(expires_at: datetime, now: datetime) -> int:
    """Until when the index is to vouch for a session: its lifetime again, and a day at least, so
    that touches move its end for so long without writing to the index."""
    end = seconds(expires_at)
    return end + max(end - seconds(now), _MARGIN)


def renewed(bound: int, expires_at: datetime, now: datetime) -> int:
    """The bound, if the end is within it, or the next one."""
    return bound if bound >= seconds(expires_at) else bound_of(expires_at, now)


def of_record(id: str, record: Record, bound: int, version: str) -> dict[str, Value]:
    """Raises SessionTooLarge."""
    texts = {"ip": record.ip, "agent": record.user_agent, "label": record.label}
    item: dict[str, Value] = {
        **session_key(id),
        "created": number(to_microseconds(record.created_at)),
        "seen": number(to_microseconds(record.last_seen_at)),
        "references": {"M": {name: {"S": value} for name, value in record.references.items()}},
        **times_of_end(record.expires_at),
        **{name: {"S": text} for name, text in texts.items() if text not in (None, "")},
        **of_fields(record.fields),
        BOUND: number(bound),
        VERSION: {"S": version},
        SIZE: number(LIMIT),  # as long as what it will be
    }
    item[SIZE] = number(checked_size(item, record.fields))
    return item


def of_change(change: Change) -> dict[str, Value]:
    """What a change sets, references excepted."""
    times = {} if change.expires_at is None else times_of_end(change.expires_at)
    if change.last_seen_at is not None:
        times["seen"] = number(to_microseconds(change.last_seen_at))
    texts = {"ip": change.ip, "agent": change.user_agent, "label": change.label}
    return {
        **times,
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        **of_fields({n: v for n, v in change.set.items() if n not in change.unset}),
    }


def of_fields(fields: Mapping[str, bytes]) -> dict[str, Value]:
    return {attribute(name): {"S": value.decode()} for name, value in fields.items()}


def times_of_end(expires_at: datetime) -> dict[str, Value]:
    return {"expires": number(to_microseconds(expires_at)), TTL: number(seconds(expires_at))}


def attribute(name: str) -> str:
    """The attribute that holds a field. Raises ValueError for a name that DynamoDB takes not."""
    if len(name) > NAME // 4 and len(name.encode()) >= NAME:
        raise ValueError(f"The name {name[:50]!r}... of a field has {NAME:,} bytes or more.")
    return f".{name}"


def number(value: int) -> Value:
    return {"N": str(value)}


def to_record(id: str, item: Item | None) -> Record | None:
    """None for no item; with a line in the log, for one that another hand left.

    Raises WrongAnswer for the item of another session.
    """
    if not item:
        return None
    if item[PK]["S"] != f"{SESSIONS}{id}":
        raise WrongAnswer(f"Asked for the item of session {id}, DynamoDB answered with another.")
    try:
        return _record(item)
    except (KeyError, TypeError, ValueError, OverflowError):
        logger.warning("The record of session %s is corrupt", id)
        return None


def found(items: Iterable[Item]) -> list[tuple[str, Record]]:
    """The ids and records of sessions."""
    pairs = ((id_of(item), item) for item in items)
    return [(id, record) for id, item in pairs if (record := to_record(id, item))]


def is_session(item: Item) -> bool:
    return bool(item[PK]["S"].startswith(SESSIONS))


def is_claimed(item: Item) -> bool:
    """Has it got another id, on a server without transactions? See Requests.claim()."""
    return item.get("expires") == number(0)


def reference_in(item: Item, name: str) -> str | None:
    references = item.get("references", {}).get("M", {})
    return references[name].get("S") if name in references else None


def packed(items: Iterable[Item]) -> Iterator[list[Item]]:
    """As many at a time as a transaction takes, which counts what it deletes."""
    pack: list[Item] = []
    size = 0
    for item in items:
        size += number_in(item, SIZE)
        if pack and (len(pack) == TOGETHER or size > TOGETHER_BYTES):
            yield pack
            pack, size = [], number_in(item, SIZE)
        pack.append(item)
    if pack:
        yield pack


def live(items: Iterable[Item], now: datetime) -> list[Entry]:
    return [each for each in found(items) if each[1].is_live(now)]


def checked(items: Iterable[Item], ids: Iterable[str]) -> list[Item]:
    """The items of these sessions. Raises WrongAnswer for another."""
    asked, answered = {*ids}, list(items)
    if not asked.issuperset(map(id_of, answered)):
        raise WrongAnswer("DynamoDB answered with items of sessions that were not asked for.")
    return answered


def number_in(item: Item, name: str) -> int:
    """0, where it was not read or another hand left something else."""
    try:
        return int(item[name]["N"])
    except (KeyError, ValueError):
        return 0


def bytes_of(item: Item) -> int:
    """What DynamoDB counts, or a few bytes more."""
    return sum(len(name.encode()) + _bytes_of_value(value) for name, value in item.items())


def checked_size(item: Item, fields: Mapping[str, bytes]) -> int:
    """Raises SessionTooLarge where that is more than DynamoDB keeps."""
    size = bytes_of(item)
    if size > LIMIT:
        raise SessionTooLarge(size, LIMIT, {name: len(value) for name, value in fields.items()})
    return size


def _bytes_of_value(value: Value) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + bytes_of(content) + len(content)
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
