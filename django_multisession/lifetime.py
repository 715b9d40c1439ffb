"""When a session ends: Django's lifetimes and ours, within the absolute end. No I/O, but what a
policy callable reads of the session."""

from __future__ import annotations

from datetime import datetime
from math import ceil
from typing import Any, ClassVar

from django.contrib.sessions.backends.base import SessionBase

from . import conf, expiry
from .fields import Fields
from .record import Record
from .storage.base import Storage


class SessionLifetime(SessionBase):
    """Its subclass knows what is stored."""

    storage: ClassVar[Storage]
    # As stored, as far as we know. None: not read yet, or nothing is stored.
    _record: Record | None

    def _fields(self) -> Fields:
        raise NotImplementedError

    def get_session_cookie_age(self) -> int:
        """Seconds of inactivity: MULTISESSION_TTL, else SESSION_COOKIE_AGE."""
        age = conf.idle_age(self)
        return super().get_session_cookie_age() if age is None else ceil(age)

    def get_expiry_age(self, **kwargs: Any) -> int:
        return self._capped_age(super().get_expiry_age(**kwargs))

    async def aget_expiry_age(self, **kwargs: Any) -> int:
        return self._capped_age(await super().aget_expiry_age(**kwargs))

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        return self._capped_date(super().get_expiry_date(**kwargs))

    async def aget_expiry_date(self, **kwargs: Any) -> datetime:
        return self._capped_date(await super().aget_expiry_date(**kwargs))

    def _expires_at(self, now: datetime, created_at: datetime) -> datetime:
        custom = self._fields().get(expiry.CUSTOM)
        age = 0 if custom else self.get_session_cookie_age()  # a policy may be dear to ask
        end = expiry.idle_end(custom, age, now)
        return expiry.capped(end, created_at, conf.absolute_age())

    def _capped_date(self, date: datetime) -> datetime:
        created_at = self._record.created_at if self._record else self.storage.clock()
        end = expiry.capped(date.astimezone(expiry.UTC), created_at, conf.absolute_age())
        return end.astimezone(date.tzinfo) if date.tzinfo else expiry.local(end)

    def _capped_age(self, age: int) -> int:
        if conf.absolute_age() is None:
            return age
        now = self.storage.clock()
        end = self._capped_date(expiry.idle_end(None, age, now))
        return ceil((end - now).total_seconds())
