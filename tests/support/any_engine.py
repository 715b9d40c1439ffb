"""A session engine that this package does not know."""

from __future__ import annotations

import pickle
from typing import Any

from django.contrib.sessions.backends.base import CreateError, SessionBase

KEPT: dict[str, str] = {}


class PickleSerializer:
    """A serializer of any Python object, as caches have. Django has removed its own."""

    def dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class SessionStore(SessionBase):
    def exists(self, session_key: str) -> bool:
        return session_key in KEPT

    def create(self) -> None:
        self._session_key = self._get_new_session_key()
        self.save(must_create=True)

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            self.create()
            return
        if must_create and self.session_key in KEPT:
            raise CreateError
        KEPT[self.session_key] = self.encode(self._get_session(no_load=must_create))

    def delete(self, session_key: str | None = None) -> None:
        KEPT.pop(session_key or self.session_key, None)

    def load(self) -> Any:
        text = KEPT.get(self.session_key)
        if text is None:
            self._session_key = None
            return {}
        return self.decode(text)
