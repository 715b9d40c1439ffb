"""Conversion of records and changes to Redis hashes and back. Pure.

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

# The hash fields that a listing reads. Every hash also has "nonce", which names its last write, and
# "bound", the time until which the index is certain to have the session.
FACTS = ("created", "seen", "expires", "references", "ip", "agent", "label")


def from_record(record: Record) -> list[Any]:
    """Return hash field names and values by turns. Empty facts are left out."""
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


def from_change(change: Change) -> list[Any]:
    """Return hash field names and values by turns, of everything that a change sets.

    References are not among them: the script merges those.
    """
    facts = {
        "seen": change.last_seen_at and to_microseconds(change.last_seen_at),
        "expires": change.expires_at and to_microseconds(change.expires_at),
        "ip": change.ip,
        "agent": change.user_agent,
        "label": change.label,
    }
    return _words({n: v for n, v in facts.items() if v is not None}, change.set)


def hash_field(name: str) -> str:
    """Return the name of the hash field that keeps a field of the session."""
    return f".{name}"


def to_record(id: str, answer: Any) -> Record | None:
    """Return the record of an answer to HGETALL, or None if the answer is empty or corrupt.

    The answer is a dict, or names and values by turns.
    """
    if not answer:
        return None
    if isinstance(answer, dict):
        names, values = list(answer), list(answer.values())
    else:
        names, values = answer[::2], answer[1::2]
    # Decode all names at once: decoding one by one takes as long as the rest of this function.
    hash = dict(zip(b"\0".join(names).decode(errors="replace").split("\0"), values, strict=False))
    fields = {name[1:]: value for name, value in hash.items() if name[:1] == "."}
    return _to_record(id, [hash.get(name) for name in FACTS], fields)


def facts_to_record(
    id: str, values: Sequence[bytes | None], names: Collection[str] = ()
) -> Record | None:
    """Return the record of an answer to HMGET with `FACTS` and the named fields.

    Return None if there is no session, or if it is corrupt.
    """
    if all(value is None for value in values):
        return None
    named = zip(names, values[len(FACTS) :], strict=True)
    fields = {name: value for name, value in named if value is not None}
    return _to_record(id, values, fields or NOTHING)


def ended_entries(ids: Iterable[str], answers: Iterable[Any]) -> list[Entry]:
    """Return the sessions that scripts/end.lua has ended. For others it answers a number."""
    pairs = zip(ids, answers, strict=True)
    ended = ((id, facts) for id, facts in pairs if isinstance(facts, list))
    return [(id, record) for id, facts in ended if (record := _to_record(id, facts))]


def live_entries(ids: Iterable[str], answers: Iterable[Any], now: datetime) -> list[Entry]:
    """Return the sessions that are live, from answers to HMGET."""
    found = ((id, facts_to_record(id, answer)) for id, answer in zip(ids, answers, strict=True))
    return [(id, record) for id, record in found if record and record.is_live(now)]


def parse_scan(answer: Any) -> tuple[int, list[str]]:
    """Return the next cursor, 0 at the end, and the ids of an answer to ZSCAN.

    Its entries are pairs of id and score, or ids and scores by turns.
    """
    cursor, entries = answer
    with_scores = bool(entries) and isinstance(entries[0], tuple)
    ids = (id for id, _ in entries) if with_scores else entries[::2]
    return int(cursor), [id.decode() for id in ids]


def active_leases(
    names: Iterable[str], answers: Iterable[bytes | None], now: datetime
) -> Mapping[str, datetime]:
    """Return the leases that have not ended, and their ends, from answers to GET."""
    texts = ((name, (answer or b"").split()) for name, answer in zip(names, answers, strict=True))
    leases = ((n, from_microseconds(text[0])) for n, text in texts if text and text[0].isdigit())
    return {name: end for name, end in leases if end > now}


def _to_record(
    id: str, facts: Sequence[Any], fields: Mapping[str, bytes] = NOTHING
) -> Record | None:
    """Return the record, or None if its facts are not valid, which is logged.

    Only another program can have written such facts.
    """
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
        words += (hash_field(name), value)
    return words
