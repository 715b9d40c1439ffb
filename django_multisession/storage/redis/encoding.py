"""Records and changes to hashes and back. Pure.

A session is a hash: its facts, and each of its fields under its name with a dot before it. Times
are microseconds since 1970, in digits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from ...core.codec import logger
from ...core.expiry import from_microseconds, to_microseconds
from ...core.record import NOTHING, Change, Record
from ..base import Entry
from .keys import parse_references, references_text

# What a listing reads. Besides, every hash has "nonce", which names its last write, and "bound",
# until when the index vouches for it.
FACTS = ("created", "seen", "expires", "references", "ip", "agent", "label")


def of_record(record: Record) -> list[Any]:
    """Names and values by turns. What is empty is left out."""
    facts = {
        "created": to_microseconds(record.created_at),
        "seen": to_microseconds(record.last_seen_at),
        "expires": to_microseconds(record.expires_at),
        "references": references_text(record.references),
        "ip": record.ip,
        "agent": record.user_agent,
        "label": record.label,
    }
    return _words({n: v for n, v in facts.items() if v not in (None, "")}, record.fields)


def of_change(change: Change) -> list[Any]:
    """The same of what a change sets; but references, which the script merges."""
    facts = {
        "seen": change.last_seen_at and to_microseconds(change.last_seen_at),
        "expires": change.expires_at and to_microseconds(change.expires_at),
        "ip": change.ip,
        "agent": change.user_agent,
        "label": change.label,
    }
    return _words({n: v for n, v in facts.items() if v is not None}, change.set)


def field(name: str) -> str:
    return f".{name}"


def to_record(id: str, answer: Any) -> Record | None:
    """The record of an answer to HGETALL: a dict, or names and values by turns. None: no answer."""
    if not answer:
        return None
    if isinstance(answer, dict):
        names, values = list(answer), list(answer.values())
    else:
        names, values = answer[::2], answer[1::2]
    # All names at once: decoding one by one takes as long as the rest.
    hash = dict(zip(b"\0".join(names).decode(errors="replace").split("\0"), values, strict=False))
    fields = {name[1:]: value for name, value in hash.items() if name[:1] == "."}
    return _record(id, [hash.get(name) for name in FACTS], fields)


def of_answer(
    id: str, values: Sequence[bytes | None], asked: Collection[str] = ()
) -> Record | None:
    """The record of an answer to HMGET with `FACTS` and the names of fields."""
    further = zip(asked, values[len(FACTS) :], strict=True)
    fields = {name: value for name, value in further if value is not None}
    return _record(id, values, fields or NOTHING) if any(v is not None for v in values) else None


def ended(ids: Iterable[str], answers: Iterable[Any]) -> list[Entry]:
    """The records of those that an `end` ended; of others it answers a number."""
    facts = ((id, each) for id, each in zip(ids, answers, strict=True) if isinstance(each, list))
    return [(id, record) for id, each in facts if (record := _record(id, each))]


def live(ids: Iterable[str], answers: Iterable[Any], now: datetime) -> list[Entry]:
    """Of answers to HMGET, the records that are live."""
    found = ((id, of_answer(id, answer)) for id, answer in zip(ids, answers, strict=True))
    return [(id, record) for id, record in found if record and record.is_live(now)]


def scanned(answer: Any) -> tuple[int, list[str]]:
    """The next cursor, 0 at the end, and the ids of a ZSCAN, with their scores or followed by."""
    cursor, entries = answer
    with_scores = bool(entries) and isinstance(entries[0], tuple)
    ids = (id for id, _ in entries) if with_scores else entries[::2]
    return int(cursor), [id.decode() for id in ids]


def active_leases(
    names: Iterable[str], answers: Iterable[bytes | None], now: datetime
) -> Mapping[str, datetime]:
    """Of answers to GET, the leases that have not ended, and when they do."""
    texts = ((name, (answer or b"").split()) for name, answer in zip(names, answers, strict=True))
    leases = ((n, from_microseconds(text[0])) for n, text in texts if text and text[0].isdigit())
    return {name: end for name, end in leases if end > now}


def _record(id: str, facts: Sequence[Any], fields: Mapping[str, bytes] = NOTHING) -> Record | None:
    """None, and a line in the log, where another hand left facts that are none."""
    created, seen, expires, references, ip, agent, label, *_ = facts
    try:
        return Record(
            fields=fields,
            created_at=from_microseconds(created),
            last_seen_at=from_microseconds(seen),
            expires_at=from_microseconds(expires),
            references=_references(references) if references else NOTHING,
            ip=ip.decode() if ip is not None else None,
            user_agent=agent.decode() if agent else "",
            label=label.decode() if label else "",
        )
    except (TypeError, ValueError, OverflowError):
        logger.warning("The record of session %s is corrupt", id)
        return None


@lru_cache(maxsize=1024)
def _references(text: bytes) -> Mapping[str, str]:
    return MappingProxyType(parse_references(text.decode()))


def _words(facts: Mapping[str, Any], fields: Mapping[str, bytes]) -> list[Any]:
    words = [word for pair in facts.items() for word in pair]
    for name, value in fields.items():
        words += (field(name), value)
    return words
