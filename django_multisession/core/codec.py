"""Conversion of one field's value to bytes and back, with SESSION_SERIALIZER."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from typing import Any, Protocol

logger = logging.getLogger("django.security.SuspiciousSession")  # logs data that cannot be decoded

# Marks a value that is base64-encoded. JSON never begins with this character.
_ARMOUR = b"~"


class Serializer(Protocol):
    """The interface of the class that SESSION_SERIALIZER names (Django's contract)."""

    def dumps(self, obj: Any) -> bytes: ...

    def loads(self, data: bytes) -> Any: ...


def encode(value: Any, serializer: Serializer) -> bytes:
    """Return the serialized value as ASCII without NUL, which every database can store as text.

    Raises what the serializer raises for a value that it cannot encode: TypeError for JSON.
    """
    data = serializer.dumps(value)
    if data.isascii() and b"\0" not in data and not data.startswith(_ARMOUR):
        return data
    return _ARMOUR + b64encode(data)


def decode(data: bytes, serializer: Serializer) -> Any:
    """Return the value that `encode` was given. Raises what the serializer raises."""
    if data.startswith(_ARMOUR):
        data = b64decode(data[1:], validate=True)
    return serializer.loads(data)


def is_storable(text: str) -> bool:
    """Return whether every database can store the text.

    PostgreSQL refuses NUL, and every database refuses a lone surrogate.
    """
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
