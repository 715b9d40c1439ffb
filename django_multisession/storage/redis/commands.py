"""The commands for each step of a verb. Pure: the blocking and the async half share them."""

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

SCAN_COUNT = 1000  # index entries read at a time


class Script(NamedTuple):
    """A Lua script and the SHA-1 digest that EVALSHA calls it by."""

    sha: str
    source: str


class Command(NamedTuple):
    """A Redis command, and the key that decides which node of a cluster it goes to."""

    key: str
    words: tuple[Any, ...]  # the name of the command and its arguments
    source: str | None = None  # of the script, for a server that does not know it

    def with_source(self) -> Command:
        """Return the same command with the script's source.

        Scripts are not replicated and not stored: after a failover the server knows none.
        """
        return self._replace(words=("EVAL", self.source, *self.words[2:]), source=None)


def _load_script(name: str) -> Script:
    """Return the script, preceded by the names of the facts and by common.lua."""
    folder = files(__package__) / "scripts"
    numbers = {name.upper(): encoding.FACTS.index(name) + 1 for name in ("expires", "references")}
    facts = f"local FACTS = {{{', '.join(map(repr, encoding.FACTS))}}}\n"
    facts += f"local {', '.join(numbers)} = {', '.join(map(str, numbers.values()))}\n"
    source = facts + (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()
    return Script(sha1(source.encode(), usedforsecurity=False).hexdigest(), source)


INSERT, UPDATE, END, PURGE, ADD_TO_INDEX, DROP_STALE, ACQUIRE_LEASE = map(
    _load_script,
    ("insert", "update", "end", "purge", "add_to_index", "drop_stale", "acquire_lease"),
)


class CommandBuilder:
    """Builds the commands of one storage.

    ``is_cluster``: the client keeps the reference index, because a script reaches only one slot.
    Otherwise the scripts keep it.
    """

    def __init__(self, keys: KeyBuilder, *, is_cluster: bool) -> None:
        self.keys, self.is_cluster = keys, is_cluster
        self.index_prefix = "" if is_cluster else keys.root

    def read(self, id: str) -> Command:
        """Return the command that reads a session with all its fields."""
        return _command("HGETALL", self.keys.session(id))

    def facts(self, id: str, fields: Collection[str] = ()) -> Command:
        """Return the command that reads the facts of a session and the named fields."""
        wanted = (*encoding.FACTS, *map(encoding.hash_field, fields))
        return _command("HMGET", self.keys.session(id), *wanted)

    def insert(self, id: str, record: Record, now: datetime) -> Command:
        """Return the command that stores a new session.

        The nonce makes it safe to repeat: the server recognises the session as stored by an earlier
        attempt of this command.
        """
        nonce = token_hex(8)
        return _evalsha(
            INSERT,
            self._session_keys(id),
            *(to_microseconds(now), self.index_prefix, id, nonce),
            *(to_microseconds(record.expires_at), references_text(record.references)),
            *("nonce", nonce, *encoding.from_record(record)),
        )

    def update(
        self, id: str, change: Change, now: datetime, *, new: str = "", indexed: bytes = b""
    ) -> Command:
        """Return the command that applies a change to a live session.

        ``new``: the new id of the session; not on a cluster. ``indexed``: the references that the
        client has just added to the index; only on a cluster.
        """
        # On a cluster a rename is a copy, which must notice what is written in the meantime.
        nonce = token_hex(8) if new or self.is_cluster else ""
        expires = "" if change.expires_at is None else to_microseconds(change.expires_at)
        unset = [encoding.hash_field(name) for name in change.unset]
        return _evalsha(
            UPDATE,
            self._session_keys(id, new) if new else self._session_keys(id),
            *(to_microseconds(now), self.index_prefix, id, nonce),
            *(expires, references_text(change.references), indexed, new),
            *(len(unset), *unset),
            *(("nonce", nonce) if nonce else ()),
            *encoding.from_change(change),
        )

    def end_unchanged(self, id: str, now: datetime, nonce: bytes, new: str) -> Command:
        """Return the command that ends a session which was copied to the id ``new``.

        It does so only if the last write of the session was the one with this nonce.
        """
        keys = [*self._session_keys(id), self.keys.rename_marker(id)]
        arguments = (to_microseconds(now), self.index_prefix, "", "", nonce, id, new)
        return _evalsha(END, keys, *arguments)

    def end(
        self, ids: Sequence[str], now: datetime, reference: str = "", expired_only: bool = False
    ) -> list[Command]:
        """Return the commands that end sessions: one, or on a cluster one for each bucket.

        Sort the ids, so that those of one bucket are neighbours. ``reference``: end only live
        sessions that have it.
        """
        only = "1" if expired_only else ""
        arguments = (to_microseconds(now), self.index_prefix, reference, only, "")
        if self.is_cluster:
            groups = [list(group) for _, group in groupby(ids, tag_of)]
        else:
            groups = [list(ids)] if ids else []
        return [_evalsha(END, self._session_keys(*group), *arguments, *group) for group in groups]

    def add_to_index(
        self, references: Iterable[str], id: str, expires: int | bytes, now: datetime
    ) -> list[Command]:
        """Return the commands that add a session to the index, before the session is written.

        There are none without a cluster: then the scripts write the index.
        """
        arguments = (to_microseconds(now), self.index_prefix, id, expires)
        keys = map(self.keys.reference, references if self.is_cluster else ())
        return [_evalsha(ADD_TO_INDEX, [key], *arguments) for key in keys]

    def remove_from_index(self, ended: Iterable[Entry]) -> list[Command]:
        """Return the commands that remove ended sessions from the index. Their ids never come back.

        There are none without a cluster: then the scripts write the index.
        """
        ids_by_key = defaultdict(list)
        for id, record in ended if self.is_cluster else ():
            for name, value in record.references.items():
                ids_by_key[self.keys.reference(reference_text(name, value))].append(id)
        return [_command("ZREM", key, *ids) for key, ids in ids_by_key.items()]

    def drop_stale(self, reference: str, ids: Sequence[str], now: datetime) -> list[Command]:
        """Return the command that removes ids from the index whose sessions a reader did not find.

        The server keeps entries that were written recently; see scripts/drop_stale.lua.
        """
        key, arguments = self.keys.reference(reference), (to_microseconds(now), self.index_prefix)
        return [_evalsha(DROP_STALE, [key], *arguments, *ids)] if ids else []

    def scan(self, reference: str, cursor: int) -> Command:
        """Return the command that reads some of the index entries of a reference.

        An entry that exists during the whole scan is in at least one of the answers.
        """
        return _command("ZSCAN", self.keys.reference(reference), cursor, "COUNT", SCAN_COUNT)

    def live(self, tag: str, now: datetime) -> Command:
        """Return the command that reads the ids of a bucket that have not expired."""
        return _command("ZRANGEBYSCORE", self.keys.bucket(tag), *_scores_after(now))

    def count(self, tag: str, now: datetime, expired_only: bool) -> Command:
        """Return the command that counts the live ids of a bucket, or the expired ones."""
        bounds = ("-inf", to_microseconds(now)) if expired_only else _scores_after(now)
        return _command("ZCOUNT", self.keys.bucket(tag), *bounds)

    def expired(self, tag: str, now: datetime | None, limit: int) -> Command:
        """Return the command that reads the ids of a bucket that have expired; for None, all."""
        until = "+inf" if now is None else to_microseconds(now)
        arguments = ("-inf", until, "LIMIT", 0, limit)
        return _command("ZRANGEBYSCORE", self.keys.bucket(tag), *arguments)

    def purge(self, expired: Iterable[str], now: datetime) -> list[Command]:
        """Return the commands that delete expired sessions: one for each bucket.

        Sort the ids, so that those of one bucket are neighbours.
        """
        return [self._purge(tag, list(ids), now) for tag, ids in groupby(expired, tag_of)]

    def acquire_lease(self, name: str, owner: str, until: datetime, now: datetime) -> Command:
        """Return the command that takes or renews a lease."""
        times = (to_microseconds(now), to_microseconds(until))
        return _evalsha(ACQUIRE_LEASE, [self.keys.lease(name)], *times, owner)

    def read_lease(self, name: str) -> Command:
        """Return the command that reads a lease."""
        return _command("GET", self.keys.lease(name))

    def _purge(self, tag: str, ids: Sequence[str], now: datetime) -> Command:
        keys = [self.keys.bucket(tag), *map(self.keys.session, ids)]
        return _evalsha(PURGE, keys, to_microseconds(now), self.index_prefix, *ids)

    def _session_keys(self, *ids: str) -> list[str]:
        """Return the keys of each session and its bucket by turns."""
        session, bucket = self.keys.session, self.keys.bucket
        return [key for id in ids for key in (session(id), bucket(tag_of(id)))]


def _scores_after(now: datetime) -> tuple[str, str]:
    return f"({to_microseconds(now)}", "+inf"


def _command(name: str, key: str, *arguments: Any) -> Command:
    return Command(key, (name, key, *arguments))


def _evalsha(script: Script, keys: Sequence[str], *arguments: Any) -> Command:
    words = ("EVALSHA", script.sha, len(keys), *keys, *arguments)
    return Command(keys[0], words, script.source)
