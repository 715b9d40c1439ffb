"""`SessionStore`: the session object a request holds, on any storage, in both dialects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.sessions.backends.base import CreateError, SessionBase

from .. import signals
from ..core import keys
from ..core.client import NOBODY, Client
from ..core.fields import Fields
from ..core.record import NOTHING, Change, Record
from ..signals import Event
from ..storage.base import Entry, Storage
from .policy import Policy
from .previous_engines import PreviousEngines
from .state import SessionGone, SessionState

ATTEMPTS = 3  # to create a session; two random keys of 165 bits are never the same
PURGE_BATCH = 1000  # sessions


class SessionStore(SessionBase):
    """Django's session contract, and what it lacks.

    Concurrent holders merge: a save sends the fields that this holder changed, so two requests that
    change different fields both win; if they change the same field, the later one wins. An ended
    session is never brought back: saving it raises `SessionGone`.

    Round trips: load 1; save 1, or none if nothing changed and no touch is due; create, cycle_key,
    delete, flush, touch, exists and get_fields 1; a load that meets an expired session, 2.

    ``created_at``, ``last_seen_at``, ``expires_at`` and ``references`` are those of the stored
    record. Reading one loads the session if need be; in async code await the twin, which is a
    method (``await session.acreated_at()``).

    The name of this class and of its subclasses is part of Django's signing salt.
    """

    storage: ClassVar[Storage]
    # Returns the rules to follow. A function, so that a changed setting counts from the next
    # session object on.
    policy: ClassVar[Callable[[], Policy]] = Policy
    # Where a session that the storage does not know may still be.
    previous_engines: ClassVar[PreviousEngines] = PreviousEngines()

    # Returns the client's IP address and user agent. The middleware sets it; it is not required.
    describe_client: Callable[[], Client] | None = None

    label = ""  # the name shown in lists, stored when the session is created

    if TYPE_CHECKING:  # Django's, which its stubs leave out
        _session_cache: Any
        _session: Any

        def _get_session(self, no_load: bool = False) -> Any: ...

        async def _aget_session(self, no_load: bool = False) -> Any: ...

    def __init__(self, session_key: str | None = None) -> None:
        self._state = SessionState(type(self).policy(), self.storage.clock)
        super().__init__(session_key)
        if session_key and not self.session_key:
            self._adopt_token(session_key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.handle}>"

    # What is known without I/O

    def _get_key(self) -> str | None:
        return self._state.key

    def _set_key(self, key: str | None) -> None:
        self._state.key = key if keys.is_key(key) else None

    session_key = property(_get_key)
    _session_key = property(_get_key, _set_key)  # Django's own code sets it

    @property
    def handle(self) -> str | None:
        """The session's public name: 43 characters, safe to show, useless as a cookie.

        Until the session is read, which drops an unknown key, it is the handle of the offered key.
        """
        return self._state.handle if self._state.key else None

    @property
    def is_touch_due(self) -> bool:
        """True if the session was read, and last seen long enough ago to be worth a write."""
        return self._state.is_touch_due

    @property
    def is_unsaved(self) -> bool:
        """True if the session has a key and is not stored yet."""
        return self._state.is_new

    @property
    def is_key_new(self) -> bool:
        """True if this object gave the session a new key, and did not save it since."""
        return self._state.is_key_new

    @property
    def is_rekeyed(self) -> bool:
        """True if the session is stored under a key that this object gave it, not saved since."""
        return self._state.is_key_new and self._state.may_be_stored

    # Reading

    def load(self) -> Fields:  # type: ignore[override]
        """Return the stored fields. An unknown or expired key is dropped; nothing is created."""
        state = self._state
        stored = self._read() if state.may_be_stored else None
        if state.should_delete(stored) and (expired := self.storage.delete(state.handle, True)):
            self._announce([signals.ended(state.handle, expired, "expired")])
        return state.apply_load(state.live(stored))

    async def aload(self) -> Fields:  # type: ignore[override]
        """See load()."""
        state = self._state
        stored = await self._aread() if state.may_be_stored else None
        if state.should_delete(stored) and (
            expired := await self.storage.adelete(state.handle, True)
        ):
            await self._aannounce([signals.ended(state.handle, expired, "expired")])
        return state.apply_load(state.live(stored))

    def reload(self) -> None:
        """Drop unsaved changes and read the session again. Raises SessionGone."""
        self._session_cache, self.modified = self.load(), False
        if self._state.record is None:
            raise SessionGone

    async def areload(self) -> None:
        """See reload()."""
        self._session_cache, self.modified = await self.aload(), False
        if self._state.record is None:
            raise SessionGone

    def get_fields(self, *names: str) -> dict[str, Any]:
        """Return those of the named fields that exist. Before a load, only they are transferred."""
        if self._is_loaded or not self.session_key:
            return _pick(self._session, names)
        return self._pick_stored(self._read(names), names)

    async def aget_fields(self, *names: str) -> dict[str, Any]:
        """See get_fields()."""
        if self._is_loaded or not self.session_key:
            return _pick(await self._aget_session(), names)
        return self._pick_stored(await self._aread(names), names)

    def exists(self, session_key: str | None) -> bool:
        if not keys.is_key(session_key):
            return False
        other = type(self)(session_key)
        return other._state.live(other._read(())) is not None

    async def aexists(self, session_key: str | None) -> bool:
        if not keys.is_key(session_key):
            return False
        other = type(self)(session_key)
        return other._state.live(await other._aread(())) is not None

    @property
    def created_at(self) -> datetime | None:
        """The time of creation in UTC, or None if nothing is stored. A new key keeps it."""
        record = self._known_record()
        return record.created_at if record else None

    async def acreated_at(self) -> datetime | None:
        record = await self._aknown_record()
        return record.created_at if record else None

    @property
    def last_seen_at(self) -> datetime | None:
        """The time of the last use in UTC, exact to MULTISESSION_TOUCH_INTERVAL."""
        record = self._known_record()
        return record.last_seen_at if record else None

    async def alast_seen_at(self) -> datetime | None:
        record = await self._aknown_record()
        return record.last_seen_at if record else None

    @property
    def expires_at(self) -> datetime | None:
        """The time in UTC at which the session ends unless it is used."""
        record = self._known_record()
        return record.expires_at if record else None

    async def aexpires_at(self) -> datetime | None:
        record = await self._aknown_record()
        return record.expires_at if record else None

    @property
    def references(self) -> Mapping[str, str]:
        """The user and whatever else the session belongs to, as stored: {"user": "42"}."""
        record = self._known_record()
        return record.references if record else NOTHING

    async def areferences(self) -> Mapping[str, str]:
        record = await self._aknown_record()
        return record.references if record else NOTHING

    # Writing

    def create(self) -> None:
        """Store the session under a new key."""
        for _ in range(ATTEMPTS):
            self._prepare_key()
            try:
                return self._insert()
            except CreateError:
                continue
        raise CreateError

    async def acreate(self) -> None:
        """See create()."""
        for _ in range(ATTEMPTS):
            self._prepare_key()
            try:
                return await self._ainsert()
            except CreateError:
                continue
        raise CreateError

    def save(self, must_create: bool = False) -> None:
        """Send what changed in this object. Raises SessionGone, an UpdateError, if it has ended.

        ``must_create`` stores the session as new under its key; raises CreateError if the key is
        taken.
        """
        if not must_create:
            self._known_record()
        if self.session_key is None:
            self.create()
        elif must_create or self._state.is_new:
            self._insert()
        elif change := self._prepare_save():
            if not self.storage.update(self._state.handle, change):
                raise SessionGone
            self._announce(self._apply_change(change))

    async def asave(self, must_create: bool = False) -> None:
        """See save()."""
        if not must_create:
            await self._aknown_record()
        if self.session_key is None:
            await self.acreate()
        elif must_create or self._state.is_new:
            await self._ainsert()
        elif change := self._prepare_save():
            if not await self.storage.aupdate(self._state.handle, change):
                raise SessionGone
            await self._aannounce(self._apply_change(change))

    def touch(self) -> bool:
        """Record that the session was seen now and let its end slide. Never writes fields.

        Return False if the session does not exist (any more).
        """
        if self._known_record() is None:
            return False
        change = self._prepare_touch()
        touched = self.storage.update(self._state.handle, change)
        self._announce(self._apply_change(change) if touched else [])
        return touched

    async def atouch(self) -> bool:
        """See touch()."""
        if await self._aknown_record() is None:
            return False
        change = self._prepare_touch()
        touched = await self.storage.aupdate(self._state.handle, change)
        await self._aannounce(self._apply_change(change) if touched else [])
        return touched

    def cycle_key(self) -> None:
        """Give the session a new key; the old one is dead at once. Needs no load.

        A session that is not stored yet gets its key now, and the next save stores it. Raises
        SessionGone if the session was read by this object and has ended since.
        """
        if not self._state.may_be_stored:
            self._prepare_key()
            return
        key, change = keys.new_key(), self._prepare_rotation()
        if self._rename(keys.hash_key(key), change):
            self._announce(self._apply_rotation(key, change))
        else:
            self._apply_lost_rotation()

    async def acycle_key(self) -> None:
        """See cycle_key()."""
        if not self._state.may_be_stored:
            self._prepare_key()
            return
        key, change = keys.new_key(), self._prepare_rotation()
        if await self._arename(keys.hash_key(key), change):
            await self._aannounce(self._apply_rotation(key, change))
        else:
            self._apply_lost_rotation()

    # Ending

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, by default this one. A missing session is not an error."""
        self._end_key(session_key or self.session_key, "ended")

    async def adelete(self, session_key: str | None = None) -> None:
        """See delete()."""
        await self._aend_key(session_key or self.session_key, "ended")

    def flush(self) -> None:
        """End this session, in the storage first, and start from nothing with no key."""
        self._end_key(self.session_key, "logged_out")
        self._apply_flush()

    async def aflush(self) -> None:
        """See flush()."""
        await self._aend_key(self.session_key, "logged_out")
        self._apply_flush()

    @classmethod
    def end(cls, handle: str, reason: str, *, announces: bool = True) -> bool:
        """End the session of this handle, whoever holds it. Return False if there is none.

        One round trip, and one more if there are previous engines. ``announces``: whether
        `session_ended` is sent.
        """
        cls.previous_engines.note_ended(cls.storage, handle)
        ended = cls.storage.delete(handle)
        if ended and announces:
            signals.send(cls, [signals.ended(handle, ended, reason)])
        return ended is not None

    @classmethod
    async def aend(cls, handle: str, reason: str, *, announces: bool = True) -> bool:
        """See end()."""
        await cls.previous_engines.anote_ended(cls.storage, handle)
        ended = await cls.storage.adelete(handle)
        if ended and announces:
            await signals.asend(cls, [signals.ended(handle, ended, reason)])
        return ended is not None

    @classmethod
    def purge(cls, limit: int, *, announces: bool = True) -> int:
        """Delete up to ``limit`` expired sessions and dead index entries; return how many.

        ``announces``: whether `session_ended` is sent for the sessions that the server still has.
        Nothing is read for it if nobody listens.
        """
        expired: list[Entry] = []
        is_heard = announces and signals.session_ended.has_listeners(cls)
        try:
            return cls.storage.purge(limit, expired.extend if is_heard else None)
        finally:
            signals.send(cls, [signals.ended(*entry, "expired") for entry in expired])

    @classmethod
    async def apurge(cls, limit: int, *, announces: bool = True) -> int:
        """See purge()."""
        expired: list[Entry] = []
        is_heard = announces and signals.session_ended.has_listeners(cls)
        try:
            return await cls.storage.apurge(limit, expired.extend if is_heard else None)
        finally:
            await signals.asend(cls, [signals.ended(*entry, "expired") for entry in expired])

    @classmethod
    def clear_expired(cls) -> None:
        """Delete all expired sessions, in batches of 1000. Django's ``clearsessions`` calls it."""
        while cls.purge(PURGE_BATCH) == PURGE_BATCH:
            pass

    @classmethod
    async def aclear_expired(cls) -> None:
        """See clear_expired()."""
        while await cls.apurge(PURGE_BATCH) == PURGE_BATCH:
            pass

    async def adelete_test_cookie(self) -> None:
        """Delete the test cookie and mark the session as modified, which Django's twin forgets."""
        await super().adelete_test_cookie()
        self.modified = True

    # Lifetime

    def get_session_cookie_age(self) -> int:
        """Return the seconds of inactivity granted: MULTISESSION_TTL, else SESSION_COOKIE_AGE."""
        ttl = self._state.policy.ttl
        age = ttl(self) if callable(ttl) else ttl
        if age is None:
            return super().get_session_cookie_age()
        return ceil(age.total_seconds() if isinstance(age, timedelta) else age)

    def get_expiry_age(self, **kwargs: Any) -> int:
        return self._state.capped_age(super().get_expiry_age(**kwargs))

    async def aget_expiry_age(self, **kwargs: Any) -> int:
        return self._state.capped_age(await super().aget_expiry_age(**kwargs))

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        return self._state.capped_date(super().get_expiry_date(**kwargs))

    async def aget_expiry_date(self, **kwargs: Any) -> datetime:
        return self._state.capped_date(await super().aget_expiry_date(**kwargs))

    # Steps that do I/O and that several methods share

    def _read(self, names: Collection[str] | None = None) -> Record | None:
        """Read the record. If this engine does not have it, migrate it from a previous one."""
        record = self.storage.read(self._state.handle, names)
        return self._note_migrated(record or self._migrate())

    async def _aread(self, names: Collection[str] | None = None) -> Record | None:
        """See _read()."""
        record = await self.storage.aread(self._state.handle, names)
        return self._note_migrated(record or await self._amigrate())

    def _migrate(self) -> Record | None:
        state = self._state
        return self.previous_engines.migrate(self.storage, state.handle, state.token)

    async def _amigrate(self) -> Record | None:
        """See _migrate()."""
        state = self._state
        return await self.previous_engines.amigrate(self.storage, state.handle, state.token)

    def _known_record(self) -> Record | None:
        """Return the stored record as this object knows it, and read it first if it does not."""
        if not self._state.is_known and self._is_loaded:  # cleared without having been read
            self._state.apply_known(self._state.live(self._read()))
        elif not self._state.is_known:
            self._session  # noqa: B018 - loads
        return self._state.record

    async def _aknown_record(self) -> Record | None:
        """See _known_record()."""
        if not self._state.is_known and self._is_loaded:
            self._state.apply_known(self._state.live(await self._aread()))
        elif not self._state.is_known:
            await self._aget_session()
        return self._state.record

    def _insert(self) -> None:
        self._get_session(no_load=True)
        record = self._prepare_insert()
        if not self.storage.insert(self._state.handle, record):
            raise CreateError
        self._announce(self._state.apply_insert(record, self._fields()))

    async def _ainsert(self) -> None:
        await self._aget_session(no_load=True)
        record = self._prepare_insert()
        if not await self.storage.ainsert(self._state.handle, record):
            raise CreateError
        await self._aannounce(self._state.apply_insert(record, self._fields()))

    def _rename(self, new: str, change: Change) -> bool:
        """Store the session under a new handle. Return False if it does not exist.

        A session that was never read may still be in a previous engine. Its old key must not
        migrate it again.
        """
        old, record = self._state.handle, self._state.record
        renamed = self.storage.rename(old, new, change, record)
        if not renamed and record is None and self._migrate():
            renamed = self.storage.rename(old, new, change)
        if renamed:
            self.previous_engines.note_ended(self.storage, old)
        return renamed

    async def _arename(self, new: str, change: Change) -> bool:
        """See _rename()."""
        old, record = self._state.handle, self._state.record
        renamed = await self.storage.arename(old, new, change, record)
        if not renamed and record is None and await self._amigrate():
            renamed = await self.storage.arename(old, new, change)
        if renamed:
            await self.previous_engines.anote_ended(self.storage, old)
        return renamed

    def _end_key(self, key: str | None, reason: str) -> None:
        if not keys.is_key(key) or (self._state.is_new and key == self.session_key):
            return
        handle = keys.hash_key(key)
        if not self.end(handle, reason):
            self.previous_engines.delete(handle, self._state.token_of(key))

    async def _aend_key(self, key: str | None, reason: str) -> None:
        if not keys.is_key(key) or (self._state.is_new and key == self.session_key):
            return
        handle = keys.hash_key(key)
        if not await self.aend(handle, reason):
            await self.previous_engines.adelete(handle, self._state.token_of(key))

    def _announce(self, events: Iterable[Event]) -> None:
        signals.send(type(self), events)

    async def _aannounce(self, events: Iterable[Event]) -> None:
        await signals.asend(type(self), events)

    # Steps without I/O: hand the state what it decides on

    def _adopt_token(self, token: str) -> None:
        """Accept a cookie that is not a key, but holds the session itself."""
        if key := self.previous_engines.key_for(token):
            self._state.adopt_token(key, token)

    def _note_migrated(self, record: Record | None) -> Record | None:
        """Make sure that a client whose cookie holds the session is sent a key instead."""
        if record is not None and self._state.is_from_token:
            self.modified = True
        return record

    @property
    def _is_loaded(self) -> bool:
        return hasattr(self, "_session_cache")

    def _fields(self) -> Fields:
        """Return the session's values. Django's own code starts from nothing with a plain dict."""
        values = self._session_cache
        if not isinstance(values, Fields):
            self._session_cache = self._state.stored_fields()
            self._session_cache.clear()
            self._session_cache.update(values)
        return self._session_cache  # type: ignore[no-any-return]

    def _client(self) -> Client:
        return self.describe_client() if self.describe_client else NOBODY

    def _prepare_key(self) -> None:
        self._state.prepare_key()
        self.modified = True

    def _prepare_insert(self) -> Record:
        age = self.get_session_cookie_age
        return self._state.prepare_insert(self._fields(), self._client(), age, self.label)

    def _prepare_save(self) -> Change | None:
        age = self.get_session_cookie_age
        return self._state.prepare_save(self._fields(), self._client, age)

    def _prepare_touch(self) -> Change:
        age = self.get_session_cookie_age
        return self._state.prepare_touch(self._fields(), self._client, age)

    def _prepare_rotation(self) -> Change:
        """Return what is saved together with a new key: nothing if the session was never read."""
        if self._state.record is None:
            return Change()
        age = self.get_session_cookie_age
        return self._state.prepare_rotation(self._fields(), self._client, age)

    def _apply_change(self, change: Change) -> list[Event]:
        return self._state.apply_change(change, self._fields())

    def _apply_rotation(self, key: str, change: Change) -> list[Event]:
        fields = self._fields() if self._state.record else None
        self.modified = True
        return self._state.apply_rotation(key, change, fields)

    def _apply_lost_rotation(self) -> None:
        self._state.apply_lost_rotation()
        self.modified = True

    def _apply_flush(self) -> None:
        self._state.apply_flush()
        self.clear()

    def _pick_stored(self, record: Record | None, names: Iterable[str]) -> dict[str, Any]:
        self.accessed = True
        record = self._state.live(record)
        if record is None:
            return {}
        stored = Fields(self._state.policy.serializer, record.fields, self.handle)
        return _pick(stored, names)


def _pick(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}
