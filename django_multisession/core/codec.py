"""One field's value to bytes and back, with SESSION_SERIALIZER."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from typing import Any, Protocol

logger = logging.getLogger("django.security.SuspiciousSession")  # of data nobody can read

# Opens a value that is not plain ASCII text as it is. JSON never begins with it.
_ARMOUR = b"~"


class Serializer(Protocol):
    """What SESSION_SERIALIZER names (Django's contract)."""

    def dumps(self, obj: Any) -> bytes: ...

    def loads(self, data: bytes) -> Any: ...


def encode(value: Any, serializer: Serializer) -> bytes:
    """ASCII without NUL, whatever the serializer made, so every database can hold it as text.

    Raises whatever the serializer raises for a value it cannot take: TypeError for JSON.
    """
    data = serializer.dumps(value)
    if data.isascii() and b"\0" not in data and not data.startswith(_ARMOUR):
        return data
    return _ARMOUR + b64encode(data)


def decode(data: bytes, serializer: Serializer) -> Any:
    """The inverse of `encode`. Raises whatever the serializer raises for what it cannot read."""
    if data.startswith(_ARMOUR):
        data = b64decode(data[1:], validate=True)
    return serializer.loads(data)


def is_storable(text: str) -> bool:
    """Can every database hold it? PostgreSQL takes no NUL, and nothing a lone surrogate."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
