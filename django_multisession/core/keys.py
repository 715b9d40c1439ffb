"""Session keys, and the handles derived from them, which are safe to store and to show."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from hashlib import sha256
from secrets import token_bytes
from string import ascii_lowercase, ascii_uppercase, digits
from typing import TypeGuard

from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.utils.http import int_to_base36

LENGTH = 32  # characters of 36: 165 bits; ASVS 5.0 11.5.1 asks for 128

# Maps random bytes evenly onto the alphabet. The highest byte values would favour some characters,
# so they are dropped.
_USABLE = 256 - 256 % len(VALID_KEY_CHARS)
_TABLE = bytes(ord(VALID_KEY_CHARS[i % len(VALID_KEY_CHARS)]) for i in range(256))
_UNUSABLE = bytes(range(_USABLE, 256))

_KEY = re.compile(r"[a-z0-9]{8,40}")
_HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")
_SORTED = f"-{digits}{ascii_uppercase}_{ascii_lowercase}"  # the alphabet of handles, in byte order


def new_key() -> str:
    """Return a new key: 32 random characters of ``[a-z0-9]``. No I/O, about 1 us."""
    key = b""
    while len(key) < LENGTH:
        key += token_bytes(2 * LENGTH).translate(_TABLE, _UNUSABLE)
    return key[:LENGTH].decode()


def to_handle(name: str) -> str:
    """Return the handle of a session, given its key or its handle."""
    return name if is_handle(name) else hash_key(name)


def derive_key(text: str) -> str:
    """Return a key that always results from this text and does not reveal it.

    For keys of previous engines that are not valid keys of this package.
    """
    number = int.from_bytes(sha256(text.encode()).digest(), "big")
    return int_to_base36(number)[-LENGTH:].rjust(LENGTH, "0")


def is_key(offered: object) -> TypeGuard[str]:
    """Return whether this has the form of a key. Nothing else may reach a storage (CVE-2024-3400).

    A key has 8 to 40 characters, because Django's own engines have accepted such keys. A handle has
    43, so a stolen handle is never accepted as a key.
    """
    return isinstance(offered, str) and _KEY.fullmatch(offered) is not None


def is_handle(offered: object) -> TypeGuard[str]:
    """Return whether this has the form of a handle."""
    return isinstance(offered, str) and _HANDLE.fullmatch(offered) is not None


def new_handle() -> str:
    """Return a random handle, which no session has."""
    return urlsafe_b64encode(token_bytes(32))[:-1].decode()


def position(handle: str) -> float:
    """Return the handle's position among all possible handles, sorted: 0 to 1, evenly spread."""
    return sum((_SORTED.find(c) / 64.0**n for n, c in enumerate(handle[:10], 1)), 0.0)


def hash_key(key: str) -> str:
    """Return the key's handle: 43 characters, under which the session is stored and shown.

    It is useless as a cookie, because the key cannot be computed from it.

    A plain hash is enough for a secret of 165 bits, and unlike a keyed one it survives a
    change of SECRET_KEY.
    """
    return urlsafe_b64encode(sha256(key.encode()).digest())[:-1].decode()
