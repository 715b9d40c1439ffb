"""The knowledge of a session's holder, and every decision. No I/O and no settings.

`store.SessionStore` does the I/O. Each of its methods has three steps: prepare what to send, call
one verb of the storage, apply the answer. The first and the last step are here, so the blocking and
the async dialect share whatever could differ by mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from math import ceil
from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted

from .. import signals
from ..core import expiry, keys, references
from ..core.client import Client
from ..core.fields import Fields
from ..core.record import NOTHING, Change, Record, live
from ..signals import Event
from .policy import Policy


class SessionGone(UpdateError, SessionInterrupted):
    """The session was ended by another request, a logout for example, and is not brought back.

    Django answers it with status 400, wherever in a request it is raised.
    """

    def __init__(self) -> None:
        super().__init__(
            "This session was ended while the request was under way: the user may have logged "
            "out in another tab, for example."
        )


class SessionState:
    """One holder's knowledge of a session: its key, its record, and what is yet to be stored.

    ``fields`` are the session's values, ``client`` returns who sent the request, and ``idle_age``
    the seconds of inactivity granted; the callables are only called if something will be sent.
    """

    __slots__ = (
        "_handle_cache",
        "_tokens",
        "clock",
        "is_key_new",
        "is_new",
        "key",
        "policy",
        "record",
    )

    def __init__(self, policy: Policy, clock: Callable[[], datetime]) -> None:
        self.policy = policy
        self.clock = clock
        self.key: str | None = None
        # The record as this holder saw it last. None: it was not read, or nothing is stored.
        self.record: Record | None = None
        # A key was chosen, and nothing is stored under it yet.
        self.is_new = False
        # The key was chosen by this holder, and the session was not saved since.
        self.is_key_new = False
        self._handle_cache = ("", "")  # the key that was hashed last, and its handle
        self._tokens: Mapping[str, str] = NOTHING  # key -> the cookie that holds its session

    # What is known

    @property
    def handle(self) -> str:
        """Return the handle of the key. There must be a key."""
        key = self.key
        assert key is not None
        if self._handle_cache[0] != key:
            self._handle_cache = (key, keys.hash_key(key))
        return self._handle_cache[1]

    @property
    def token(self) -> str:
        """Return what the client sent: the key, or the cookie that holds the session."""
        assert self.key is not None
        return self.token_of(self.key)

    def token_of(self, key: str) -> str:
        """Return what the client sends for the session of this key."""
        return self._tokens.get(key, key)

    def adopt_token(self, key: str, token: str) -> None:
        """Use ``key`` for the session that the cookie ``token`` holds."""
        self.key, self._tokens = key, {key: token}

    @property
    def is_from_token(self) -> bool:
        """Return whether the client sent a cookie that holds the session, in place of a key."""
        return self.key in self._tokens

    @property
    def may_be_stored(self) -> bool:
        """Return whether a record may exist under the key."""
        return self.key is not None and not self.is_new

    @property
    def is_known(self) -> bool:
        """Return whether this holder knows what is stored under the key."""
        return self.record is not None or not self.may_be_stored

    @property
    def is_touch_due(self) -> bool:
        """Return whether the session was read, and last seen long enough ago for a write."""
        return self.record is not None and expiry.touch_due(
            self.record, self.clock(), self.policy.touch_interval
        )

    def live(self, record: Record | None) -> Record | None:
        """Return the record if it has not expired, or None."""
        return live(record, self.clock())

    def should_delete(self, record: Record | None) -> bool:
        """Return whether the record has expired and is not kept until it is pruned."""
        is_expired = record is not None and self.live(record) is None
        return is_expired and not self.policy.keeps_expired

    def stored_fields(self) -> Fields:
        """Return the fields of the record, each to be decoded when it is first used."""
        stored = self.record.fields if self.record else NOTHING
        return Fields(self.policy.serializer, stored, self.handle if self.key else None)

    def expires_at(
        self, fields: Fields, now: datetime, created_at: datetime, idle_age: Callable[[], float]
    ) -> datetime:
        """Return the end of the session if it is used now and never again."""
        custom = fields.get(expiry.CUSTOM)
        end = expiry.idle_end(custom, 0 if custom else idle_age(), now)
        return expiry.capped(end, created_at, self.policy.absolute_age)

    def capped_date(self, date: datetime) -> datetime:
        """Return ``date``, or the absolute end if that is earlier; naive means local time."""
        created_at = self.record.created_at if self.record else self.clock()
        end = expiry.capped(date.astimezone(expiry.UTC), created_at, self.policy.absolute_age)
        return end.astimezone(date.tzinfo) if date.tzinfo else expiry.local(end)

    def capped_age(self, age: int) -> int:
        """Return ``age``, or the seconds left until the absolute end if they are fewer."""
        if self.policy.absolute_age is None:
            return age
        now = self.clock()
        end = self.capped_date(expiry.idle_end(None, age, now))
        return ceil((end - now).total_seconds())

    # Prepare what to send

    def prepare_key(self) -> None:
        """Choose a key for a session that is not stored yet. The next save stores it."""
        self.key = keys.new_key()
        self.is_new = self.is_key_new = True

    def prepare_insert(
        self, fields: Fields, client: Client, idle_age: Callable[[], float], label: str
    ) -> Record:
        """Return the record of a new session."""
        now = self.clock()
        return Record(
            fields=fields.encoded(),
            created_at=now,
            last_seen_at=now,
            expires_at=self.expires_at(fields, now, now, idle_age),
            references=references.resolve(fields, self.policy.references),
            ip=client.ip,
            user_agent=client.user_agent,
            label=label,
        )

    def prepare_save(
        self, fields: Fields, client: Callable[[], Client], idle_age: Callable[[], float]
    ) -> Change | None:
        """Return the changed fields, a touch if one is due, or None if there is nothing to send."""
        set_, unset = fields.delta()
        if set_ or unset:
            sent = {"set": set_, "unset": unset, "references": self._changed_references(fields)}
            return self._prepare_change(fields, client(), idle_age, **sent)
        return self.prepare_touch(fields, client, idle_age) if self.is_touch_due else None

    def prepare_touch(
        self, fields: Fields, client: Callable[[], Client], idle_age: Callable[[], float]
    ) -> Change:
        """Return a change that moves the end and the time of the last use, and no field."""
        healed = self._healed_references(fields)
        return self._prepare_change(fields, client(), idle_age, references=healed)

    def prepare_rotation(
        self, fields: Fields, client: Callable[[], Client], idle_age: Callable[[], float]
    ) -> Change:
        """Return what is saved together with a new key, for a session that was read."""
        change = self.prepare_save(fields, client, idle_age)
        return change or Change(references=self._healed_references(fields))

    def _prepare_change(
        self, fields: Fields, client: Client, idle_age: Callable[[], float], **sent: Any
    ) -> Change:
        assert self.record is not None
        stored, now = self.record, self.clock()
        return Change(
            last_seen_at=now,
            expires_at=self.expires_at(fields, now, stored.created_at, idle_age),
            ip=_if_changed(client.ip, stored.ip),
            user_agent=_if_changed(client.user_agent, stored.user_agent),
            **sent,
        )

    def _changed_references(self, fields: Fields) -> Mapping[str, str | None]:
        assert self.record is not None
        sources = self.policy.references
        return references.changed_references(self.record.references, fields, sources)

    def _healed_references(self, fields: Fields) -> Mapping[str, str | None]:
        """Return what corrects references that were stored under other settings.

        A value that cannot be indexed is left as it is: only a save that sets fields reports it.
        """
        try:
            return self._changed_references(fields)
        except ValueError:
            return NOTHING

    # Apply an answer of the storage. What has to be announced is returned.

    def apply_load(self, record: Record | None) -> Fields:
        """Take over what was read. An unknown key is dropped: adopting it is session fixation."""
        if record is None and self.may_be_stored:
            self.key = None
        self.record = record
        return self.stored_fields()

    def apply_known(self, record: Record | None) -> None:
        """Take over the record that a write is about to replace. Raises SessionGone."""
        if record is None:
            raise SessionGone
        self.record = record

    def apply_insert(self, record: Record, fields: Fields) -> list[Event]:
        self.record, self.is_new, self.is_key_new = record, False, False
        fields.rebase(record.fields)
        return [signals.created(self.handle, record)]

    def apply_change(self, change: Change, fields: Fields) -> list[Event]:
        assert self.record is not None
        before, self.record = self.record, change.apply_to(self.record)
        self.is_key_new = False
        fields.rebase(self.record.fields)
        return signals.changed(self.handle, before, change, self.record)

    def apply_rotation(self, key: str, change: Change, fields: Fields | None) -> list[Event]:
        """Take over the new key. ``fields``: None if the session was never read."""
        old, self.key = self.handle, key
        events = self.apply_change(change, fields) if fields is not None else []
        self.is_key_new = True
        return [signals.ended(old, self.record, "rotated", self.handle), *events]

    def apply_lost_rotation(self) -> None:
        """Start anew, since nothing was stored. Raises SessionGone if the session was read."""
        if self.record is not None:
            raise SessionGone
        self.prepare_key()

    def apply_flush(self) -> None:
        self.key = self.record = None
        self.is_new = self.is_key_new = False


def _if_changed(value: str | None, stored: str | None) -> str | None:
    """Return the new value if it is set and differs from the stored one."""
    return value if value and value != stored else None
