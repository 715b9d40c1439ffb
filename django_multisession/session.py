"""`SessionStore`: the session object a request holds, on any storage, in both dialects."""

from __future__ import annotations

from django.contrib.sessions.backends.base import CreateError

from . import keys, signals
from .reading import SessionReader
from .record import Change
from .sources import arrivals, endings
from .state import SessionGone
from .storage.base import SessionTooLarge

__all__ = ["SessionGone", "SessionStore", "SessionTooLarge"]

ATTEMPTS = 3  # to create a session; two random keys of 165 bits are never the same
PURGE_BATCH = 1000


class SessionStore(SessionReader):
    """Django's session contract, and what it lacks.

    Concurrent holders merge: a save sends the fields that changed here, so two requests that
    change different fields both win; of two that change the same field, the later one. A session
    that was ended is never brought back: `SessionGone`.

    Round trips: load 1; save 1, or none where nothing changed and no touch is due; create,
    cycle_key, delete, flush, touch, exists and get_fields 1; a load that finds the session over, 2.
    The name of this class and of its subclasses is part of Django's signing salt.
    """

    def create(self) -> None:
        """Store the session under a new key."""
        for _ in range(ATTEMPTS):
            self._plan_key()
            try:
                return self._insert()
            except CreateError:
                continue
        raise CreateError

    async def acreate(self) -> None:
        """See create()."""
        for _ in range(ATTEMPTS):
            self._plan_key()
            try:
                return await self._ainsert()
            except CreateError:
                continue
        raise CreateError

    def save(self, must_create: bool = False) -> None:
        """Send what changed here. Raises SessionGone, an UpdateError, if it was ended meanwhile.

        With ``must_create``: store it as new under its key. Raises CreateError if that is taken.
        """
        if not must_create:
            self._known()
        if self.session_key is None:
            self.create()
        elif must_create or self._unborn:
            self._insert()
        elif change := self._plan_save():
            if not self.storage.update(self._id, change):
                raise SessionGone
            self._announce(self._settle_change(change))

    async def asave(self, must_create: bool = False) -> None:
        """See save()."""
        if not must_create:
            await self._aknown()
        if self.session_key is None:
            await self.acreate()
        elif must_create or self._unborn:
            await self._ainsert()
        elif change := self._plan_save():
            if not await self.storage.aupdate(self._id, change):
                raise SessionGone
            await self._aannounce(self._settle_change(change))

    def touch(self) -> bool:
        """Note that the session was seen now and let its end slide. Never writes fields.

        False: there is no such session (any more).
        """
        if self._known() is None:
            return False
        change = self._plan_touch()
        touched = self.storage.update(self._id, change)
        self._announce(self._settle_change(change) if touched else [])
        return touched

    async def atouch(self) -> bool:
        """See touch()."""
        if await self._aknown() is None:
            return False
        change = self._plan_touch()
        touched = await self.storage.aupdate(self._id, change)
        await self._aannounce(self._settle_change(change) if touched else [])
        return touched

    def cycle_key(self) -> None:
        """Give the session a new key; the old one is dead at once. Needs no load.

        A session that is not stored yet gets its key now and is stored by the next save. Raises
        SessionGone if the session was read here and has been ended since.
        """
        if not self._may_be_stored:
            self._plan_key()
            return
        key, change = keys.new_key(), self._plan_rotation()
        if self._renamed(keys.handle_of(key), change):
            self._announce(self._settle_rotation(key, change))
        else:
            self._settle_lost_rotation()

    async def acycle_key(self) -> None:
        """See cycle_key()."""
        if not self._may_be_stored:
            self._plan_key()
            return
        key, change = keys.new_key(), self._plan_rotation()
        if await self._arenamed(keys.handle_of(key), change):
            await self._aannounce(self._settle_rotation(key, change))
        else:
            self._settle_lost_rotation()

    # Ending

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, by default this one. Nothing happens if there is none."""
        self._delete(session_key or self.session_key, "ended")

    async def adelete(self, session_key: str | None = None) -> None:
        """See delete()."""
        await self._adelete(session_key or self.session_key, "ended")

    def flush(self) -> None:
        """End this session, in the storage first, and start from nothing with no key."""
        self._delete(self.session_key, "logged_out")
        self._settle_flush()

    async def aflush(self) -> None:
        """See flush()."""
        await self._adelete(self.session_key, "logged_out")
        self._settle_flush()

    @classmethod
    def end(cls, handle: str, reason: str) -> bool:
        """End the session of this handle, whoever holds it. False: there is none."""
        endings.refuse(cls.storage, handle)
        ended = cls.storage.delete(handle)
        if ended:
            signals.send(cls, [signals.ended(handle, ended, reason)])
        return ended is not None

    @classmethod
    async def aend(cls, handle: str, reason: str) -> bool:
        """See end()."""
        await endings.arefuse(cls.storage, handle)
        ended = await cls.storage.adelete(handle)
        if ended:
            await signals.asend(cls, [signals.ended(handle, ended, reason)])
        return ended is not None

    @classmethod
    def clear_expired(cls) -> None:
        """Delete all expired sessions, in batches of 1000. Django's ``clearsessions`` calls it."""
        while cls.storage.purge(PURGE_BATCH) >= PURGE_BATCH:
            pass

    @classmethod
    async def aclear_expired(cls) -> None:
        """See clear_expired()."""
        while await cls.storage.apurge(PURGE_BATCH) >= PURGE_BATCH:
            pass

    async def adelete_test_cookie(self) -> None:
        """Django's forgets to mark the session as modified."""
        await super().adelete_test_cookie()
        self.modified = True

    def _insert(self) -> None:
        self._get_session(no_load=True)
        record = self._plan_insert()
        if not self.storage.insert(self._id, record):
            raise CreateError
        self._announce(self._settle_insert(record))

    async def _ainsert(self) -> None:
        await self._aget_session(no_load=True)
        record = self._plan_insert()
        if not await self.storage.ainsert(self._id, record):
            raise CreateError
        await self._aannounce(self._settle_insert(record))

    def _renamed(self, new: str, change: Change) -> bool:
        """What was never read may be elsewhere yet. The old key must not bring it from there."""
        renamed = self.storage.rename(self._id, new, change, self._record)
        if not renamed and self._record is None and self._arrived():
            renamed = self.storage.rename(self._id, new, change)
        if renamed:
            endings.refuse(self.storage, self._id)
        return renamed

    async def _arenamed(self, new: str, change: Change) -> bool:
        """See _renamed()."""
        renamed = await self.storage.arename(self._id, new, change, self._record)
        if not renamed and self._record is None and await self._aarrived():
            renamed = await self.storage.arename(self._id, new, change)
        if renamed:
            await endings.arefuse(self.storage, self._id)
        return renamed

    def _delete(self, key: str | None, reason: str) -> None:
        if not keys.is_key(key) or (self._unborn and key == self.session_key):
            return
        handle = keys.handle_of(key)
        if not self.end(handle, reason):
            arrivals.remove(handle, self._cookies.get(key, key))

    async def _adelete(self, key: str | None, reason: str) -> None:
        if not keys.is_key(key) or (self._unborn and key == self.session_key):
            return
        handle = keys.handle_of(key)
        if not await self.aend(handle, reason):
            await arrivals.aremove(handle, self._cookies.get(key, key))
