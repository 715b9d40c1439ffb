"""Django's signed_cookies engine: the cookie holds the session itself."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from django.core import signing

from ... import conf
from ...core import expiry, keys
from ...core.record import Record
from ..base import Source, record_of

SALT = "django.contrib.sessions.backends.signed_cookies"
LENGTH = 8192  # characters; browsers keep half as many


class SignedCookiesSource(Source):
    """Sessions held by the browsers. There is no I/O, and nothing can be deleted."""

    unlistable_reason = "Only the browsers have these sessions"

    removes = False

    def may_have(self, name: str) -> bool:
        """Return whether the cookie was signed by this project and is not too old. No I/O."""
        if keys.is_key(name) or len(name) > LENGTH:
            return False
        with suppress(signing.BadSignature, ValueError):
            self._signer().unsign(name, max_age=conf.django_setting("SESSION_COOKIE_AGE"))
            return True
        return False

    def find(self, name: str) -> Record | None:
        serializer = conf.serializer()
        try:
            data = self._signer().unsign_object(name, serializer=serializer)
        except Exception:  # as in Django's engine: an old serializer may have written it
            return None
        signed_at = signing.b62_decode(name.rsplit(":", 2)[1])
        seen_at = datetime.fromtimestamp(signed_at, expiry.UTC)
        return record_of(data, keys.hash_key(keys.derive_key(name)), seen_at=seen_at)

    def remove(self, name: str) -> bool:
        return False

    async def afind(self, name: str) -> Record | None:
        return self.find(name)

    async def aremove(self, name: str) -> bool:
        return self.remove(name)

    def _signer(self) -> signing.TimestampSigner:
        return signing.TimestampSigner(salt=SALT)
