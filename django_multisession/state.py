"""The pure half of a session: what its holder knows, and every decision. No I/O.

`session` does the I/O. Each of its methods is plan, one verb of the storage, settle; so the
blocking and the async dialect share everything that could go wrong twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted

from . import conf, expiry, keys, references, signals
from .client import NOBODY, Client
from .fields import Fields
from .lifetime import SessionLifetime
from .record import NOTHING, Change, Record
from .signals import Event
from .sources import arrivals


class SessionGone(UpdateError, SessionInterrupted):
    """The session was ended elsewhere, by a logout for example, and is not brought back.

    Django answers it with a plain 400, wherever in a request it is raised.
    """

    def __init__(self) -> None:
        super().__init__(
            "This session was ended while the request was under way: the user may have logged "
            "out in another tab, for example."
        )


class SessionState(SessionLifetime):
    """What one holder, usually a request, knows of its session."""

    # Tells the client's address and user agent. The middleware sets it; nothing requires it.
    describe_client: Callable[[], Client] | None = None

    label = ""  # what to call it in lists, from its first save on
    # Key -> the cookie it stands for, of a session that comes from signed cookies.
    _cookies: Mapping[str, str] = NOTHING

    if TYPE_CHECKING:  # Django's, which its stubs leave out
        _session_cache: Any
        _session: Any

        def _get_session(self, no_load: bool = False) -> Any: ...

        async def _aget_session(self, no_load: bool = False) -> Any: ...

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        if session_key and not self.session_key and (key := arrivals.key_of(session_key)):
            self._session_key, self._cookies = key, {key: session_key}
        self._named = ("", "")  # the last key that was hashed, and its handle
        self._record = None
        # Is a key chosen, and nothing stored under it yet?
        self._unborn = False
        # Did this holder give the session a new key, and not save it since?
        self.key_is_fresh = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.handle}>"

    @property
    def handle(self) -> str | None:
        """The session's public name: 43 characters, safe to show, useless as a cookie.

        That of the offered key until the session is read, which drops an unknown key.
        """
        return self._id if self.session_key else None

    @property
    def is_touch_due(self) -> bool:
        """Was it read here, and last seen so long ago that it is worth a write?"""
        return self._record is not None and expiry.touch_due(
            self._record, self.storage.clock(), conf.touch_interval()
        )

    @property
    def is_unsaved(self) -> bool:
        """Has it a key, and is not stored yet?"""
        return self._unborn

    @property
    def is_rekeyed(self) -> bool:
        """Is it stored under a key that it was given here, and not saved since?"""
        return self.key_is_fresh and self._may_be_stored

    # What is known

    def _validate_session_key(self, key: object) -> bool:
        return keys.is_key(key)

    @property
    def _id(self) -> str:
        key = self.session_key
        assert key is not None
        if self._named[0] != key:
            self._named = (key, keys.handle_of(key))
        return self._named[1]

    @property
    def _offered(self) -> str:
        """What the client sent: the key, or what stands for it elsewhere."""
        key = self.session_key
        assert key is not None
        return self._cookies.get(key, key)

    @property
    def _is_loaded(self) -> bool:
        return hasattr(self, "_session_cache")

    @property
    def _may_be_stored(self) -> bool:
        return self.session_key is not None and not self._unborn

    @property
    def _is_known(self) -> bool:
        """Do we know what is stored under the key?"""
        return self._record is not None or not self._may_be_stored

    def _live(self, record: Record | None) -> Record | None:
        return record if record is not None and record.is_live(self.storage.clock()) else None

    def _is_to_go(self, record: Record | None) -> bool:
        """Is it over, and not to be kept until a purge?"""
        return record is not None and self._live(record) is None and not conf.keeps_expired()

    def _fields(self) -> Fields:
        """The session's dict. Django's own code puts a plain one where it starts from nothing."""
        cache = self._session_cache
        if not isinstance(cache, Fields):
            stored = self._record.fields if self._record else NOTHING
            self._session_cache = Fields(self.serializer, stored, self.handle)
            self._session_cache.clear()
            self._session_cache.update(cache)
        return self._session_cache  # type: ignore[no-any-return]

    def _client(self) -> Client:
        return self.describe_client() if self.describe_client else NOBODY

    # Plan

    def _plan_key(self) -> None:
        """A key for a session that is not stored yet: the next save stores it."""
        self._session_key = keys.new_key()
        self._unborn = self.key_is_fresh = self.modified = True

    def _plan_insert(self) -> Record:
        now, fields, client = self.storage.clock(), self._fields(), self._client()
        return Record(
            fields=fields.encoded(),
            created_at=now,
            last_seen_at=now,
            expires_at=self._expires_at(now, now),
            references=references.resolve(fields, conf.references()),
            ip=client.ip,
            user_agent=client.user_agent,
            label=self.label,
        )

    def _plan_save(self) -> Change | None:
        """What a save has to send: what changed, or a touch where one is due, or nothing."""
        set_, unset = self._fields().delta()
        if set_ or unset:
            references = self._moved_references()
            return self._plan_touch(set=set_, unset=unset, references=references)
        return self._plan_touch() if self.is_touch_due else None

    def _plan_touch(self, **fields: Any) -> Change:
        assert self._record is not None
        stored, client, now = self._record, self._client(), self.storage.clock()
        return Change(
            last_seen_at=now,
            expires_at=self._expires_at(now, stored.created_at),
            ip=_news(client.ip, stored.ip),
            user_agent=_news(client.user_agent, stored.user_agent),
            **{"references": self._healed_references(), **fields},
        )

    def _plan_rotation(self) -> Change:
        """What goes along with a new key: nothing, where the session was never read."""
        if self._record is None:
            return Change()
        return self._plan_save() or Change(references=self._healed_references())

    def _moved_references(self) -> Mapping[str, str | None]:
        assert self._record is not None
        return references.moved(self._record.references, self._fields(), conf.references())

    def _healed_references(self) -> Mapping[str, str | None]:
        """The same where nothing is saved: what was stored under other settings is put right, as
        far as it can be."""
        try:
            return self._moved_references()
        except ValueError:  # of a value that became a reference later; who saves it is told
            return NOTHING

    def _came(self, record: Record | None) -> Record | None:
        """If it comes out of a cookie, the client is to be sent its key."""
        if record is not None and self.session_key in self._cookies:
            self.modified = True
        return record

    # Settle: take note of a storage's answer. Returns what there is to announce.

    def _settle_load(self, record: Record | None) -> Fields:
        if record is None and self._may_be_stored:
            self._session_key = None  # it is not adopted: that would be session fixation
        self._record = record
        return Fields(self.serializer, record.fields if record else NOTHING, self.handle)

    def _settle_known(self, record: Record | None) -> None:
        """It was read only to learn what a write will replace."""
        if record is None:
            raise SessionGone
        self._record = record

    def _settle_insert(self, record: Record) -> list[Event]:
        self._record, self._unborn, self.key_is_fresh = record, False, False
        self._fields().rebase(record.fields)
        return [signals.created(self._id, record)]

    def _settle_change(self, change: Change) -> list[Event]:
        assert self._record is not None
        before, self._record = self._record, change.apply_to(self._record)
        self.key_is_fresh = False
        self._fields().rebase(self._record.fields)
        return signals.changed(self._id, before, change, self._record)

    def _settle_rotation(self, key: str, change: Change) -> list[Event]:
        old, self._session_key = self._id, key
        events = self._settle_change(change) if self._record else []
        self.key_is_fresh = self.modified = True
        return [signals.ended(old, self._record, "rotated", self._id), *events]

    def _settle_lost_rotation(self) -> None:
        """There was nothing to rotate. A session that was read here has been ended since."""
        if self._record is not None:
            raise SessionGone
        self._session_key = None
        self._plan_key()

    def _settle_flush(self) -> None:
        self._session_key = self._record = None
        self._unborn = self.key_is_fresh = False
        self.clear()


def _news(now: str | None, stored: str | None) -> str | None:
    """What is known now, if it is another than stored. Not knowing is no news."""
    return now if now and now != stored else None
