"""What is sent for each step of a verb. Pure: the blocking and the async half share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from hashlib import sha1
from importlib.resources import files
from itertools import groupby
from secrets import token_hex
from typing import Any, NamedTuple

from ...core.expiry import to_microseconds
from ...core.record import Change, Record
from ..base import Entry
from . import encoding
from .keys import KeyBuilder, reference_text, references_text, tag_of

SCAN = 1000  # index entries read at a time


class Script(NamedTuple):
    sha: str
    source: str


class Command(NamedTuple):
    """A command, and the key that decides which node of a cluster it goes to."""

    key: str
    words: tuple[Any, ...]
    source: str | None = None  # of the script, for a server that does not know it

    def with_source(self) -> Command:
        """Scripts are not replicated and not kept: after a failover the server knows none."""
        return self._replace(words=("EVAL", self.source, *self.words[2:]), source=None)


def _script(name: str) -> Script:
    folder = files(__package__) / "scripts"
    place = {name.upper(): encoding.FACTS.index(name) + 1 for name in ("expires", "references")}
    facts = f"local FACTS = {{{', '.join(map(repr, encoding.FACTS))}}}\n"
    facts += f"local {', '.join(place)} = {', '.join(map(str, place.values()))}\n"
    source = facts + (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
    return Script(sha1(source.encode(), usedforsecurity=False).hexdigest(), source)


INSERT, UPDATE, END, PURGE, ENTER, DROP, HOLD = map(
    _script, ("insert", "update", "end", "purge", "enter", "drop", "acquire_lease")
)


class CommandBuilder:
    """The calls of one storage. ``spread``: over a cluster, where the client keeps the index."""

    def __init__(self, names: KeyBuilder, *, spread: bool) -> None:
        self.names, self.spread = names, spread
        self.index = "" if spread else names.root

    def read(self, id: str) -> Command:
        return _command("HGETALL", self.names.session(id))

    def facts(self, id: str, fields: Collection[str] = ()) -> Command:
        wanted = (*encoding.FACTS, *map(encoding.field, fields))
        return _command("HMGET", self.names.session(id), *wanted)

    def insert(self, id: str, record: Record, now: datetime) -> Command:
        nonce = token_hex(8)
        return self._run(
            INSERT,
            self._keys(id),
            *(to_microseconds(now), self.index, id, nonce),
            *(to_microseconds(record.expires_at), references_text(record.references)),
            *("nonce", nonce, *encoding.of_record(record)),
        )

    def update(
        self, id: str, change: Change, now: datetime, *, new: str = "", indexed: bytes = b""
    ) -> Command:
        # On a cluster a move is a copy, which must notice what is written meanwhile.
        nonce = token_hex(8) if new or self.spread else ""
        expires = "" if change.expires_at is None else to_microseconds(change.expires_at)
        unset = [encoding.field(name) for name in change.unset]
        return self._run(
            UPDATE,
            self._keys(id, new) if new else self._keys(id),
            *(to_microseconds(now), self.index, id, nonce),
            *(expires, references_text(change.references), indexed, new),
            *(len(unset), *unset),
            *(("nonce", nonce) if nonce else ()),
            *encoding.of_change(change),
        )

    def end_unchanged(self, id: str, now: datetime, nonce: bytes, new: str) -> Command:
        """End a session that has a new id, if its last write was this one."""
        keys = [*self._keys(id), self.names.note(id)]
        return self._run(END, keys, to_microseconds(now), self.index, "", "", nonce, id, new)

    def end(
        self, ids: Sequence[str], now: datetime, reference: str = "", expired_only: bool = False
    ) -> list[Command]:
        """End sessions, a bucket at a time where buckets are spread; so sort the ids."""
        words = (to_microseconds(now), self.index, reference, "1" if expired_only else "", "")
        groups = (list(g) for _, g in groupby(ids, tag_of)) if self.spread else [ids] if ids else []
        return [self._run(END, self._keys(*group), *words, *group) for group in groups]

    def enter(
        self, references: Iterable[str], id: str, expires: int | bytes, now: datetime
    ) -> list[Command]:
        """Into the index, before the session is written. Scripts that can do it themselves."""
        words = (to_microseconds(now), self.index, id, expires)
        sets = map(self.names.reference, references if self.spread else ())
        return [self._run(ENTER, [key], *words) for key in sets]

    def leave(self, ended: Iterable[Entry]) -> list[Command]:
        """Out of the index, after the session. Its id never comes back."""
        ids = defaultdict(list)
        for id, record in ended if self.spread else ():
            for name, value in record.references.items():
                ids[self.names.reference(reference_text(name, value))].append(id)
        return [_command("ZREM", key, *each) for key, each in ids.items()]

    def drop(self, reference: str, ids: Sequence[str], now: datetime) -> list[Command]:
        """Out of the index, what is not of this reference, and was not entered just now."""
        key, words = self.names.reference(reference), (to_microseconds(now), self.index, *ids)
        return [self._run(DROP, [key], *words)] if ids else []

    def scan(self, reference: str, cursor: int) -> Command:
        """Some of the entries; every one that is there all the time is in one of the answers."""
        return _command("ZSCAN", self.names.reference(reference), cursor, "COUNT", SCAN)

    def live(self, tag: str, now: datetime) -> Command:
        """The ids of a bucket that have not ended."""
        return _command("ZRANGEBYSCORE", self.names.bucket(tag), *_after(now))

    def count(self, tag: str, now: datetime, expired_only: bool) -> Command:
        bounds = ("-inf", to_microseconds(now)) if expired_only else _after(now)
        return _command("ZCOUNT", self.names.bucket(tag), *bounds)

    def over(self, tag: str, now: datetime | None, limit: int) -> Command:
        """The ids of a bucket that have ended; for None, all."""
        until = "+inf" if now is None else to_microseconds(now)
        words = ("-inf", until, "LIMIT", 0, limit)
        return _command("ZRANGEBYSCORE", self.names.bucket(tag), *words)

    def purge(self, over: Iterable[str], now: datetime) -> list[Command]:
        """Delete sessions that have ended, a bucket at a time; so sort the ids."""
        return [self._purge(tag, list(ids), now) for tag, ids in groupby(over, tag_of)]

    def acquire_lease(self, name: str, owner: str, until: datetime, now: datetime) -> Command:
        times = (to_microseconds(now), to_microseconds(until))
        return self._run(HOLD, [self.names.lease(name)], *times, owner)

    def active_leases(self, name: str) -> Command:
        return _command("GET", self.names.lease(name))

    def _purge(self, tag: str, ids: Sequence[str], now: datetime) -> Command:
        keys = [self.names.bucket(tag), *map(self.names.session, ids)]
        return self._run(PURGE, keys, to_microseconds(now), self.index, *ids)

    def _keys(self, *ids: str) -> list[str]:
        session, bucket = self.names.session, self.names.bucket
        return [key for id in ids for key in (session(id), bucket(tag_of(id)))]

    def _run(self, script: Script, keys: Sequence[str], *words: Any) -> Command:
        return Command(keys[0], ("EVALSHA", script.sha, len(keys), *keys, *words), script.source)


def _after(now: datetime) -> tuple[str, str]:
    return f"({to_microseconds(now)}", "+inf"


def _command(name: str, key: str, *words: Any) -> Command:
    return Command(key, (name, key, *words))
