"""Session keys and the handles that name sessions without giving them away."""

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

# Maps random bytes evenly onto the alphabet: the last bytes, which would favour some
# characters, are dropped.
_USABLE = 256 - 256 % len(VALID_KEY_CHARS)
_TABLE = bytes(ord(VALID_KEY_CHARS[i % len(VALID_KEY_CHARS)]) for i in range(256))
_UNUSABLE = bytes(range(_USABLE, 256))

_KEY = re.compile(r"[a-z0-9]{8,40}")
_HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")
_SORTED = f"-{digits}{ascii_uppercase}_{ascii_lowercase}"  # what handles are made of


def new_key() -> str:
    """A fresh key: 32 random characters of ``[a-z0-9]``. No I/O, about 1 us."""
    key = b""
    while len(key) < LENGTH:
        key += token_bytes(2 * LENGTH).translate(_TABLE, _UNUSABLE)
    return key[:LENGTH].decode()


def to_handle(name: str) -> str:
    """The handle of what is one already, or else a key."""
    return name if is_handle(name) else hash_key(name)


def derive_key(text: str) -> str:
    """The key of whoever had this text for one. It tells nothing of the text."""
    number = int.from_bytes(sha256(text.encode()).digest(), "big")
    return int_to_base36(number)[-LENGTH:].rjust(LENGTH, "0")


def is_key(offered: object) -> TypeGuard[str]:
    """Could this be a key? Anything else must never reach a storage (CVE-2024-3400).

    8 to 40 characters, because Django's own engines have accepted such keys. A handle has 43,
    so a stolen handle is never looked up.
    """
    return isinstance(offered, str) and _KEY.fullmatch(offered) is not None


def is_handle(offered: object) -> TypeGuard[str]:
    """Could this be a handle?"""
    return isinstance(offered, str) and _HANDLE.fullmatch(offered) is not None


def new_handle() -> str:
    """Of no session: a random place among them."""
    return urlsafe_b64encode(token_bytes(32))[:-1].decode()


def position(handle: str) -> float:
    """Where it stands among all there may be, sorted: from 0 to 1. Handles are spread evenly."""
    return sum((_SORTED.find(c) / 64.0**n for n, c in enumerate(handle[:10], 1)), 0.0)


def hash_key(key: str) -> str:
    """The name a session is stored and shown under: 43 characters, useless as a cookie.

    A plain hash is enough for a secret of 165 bits, and unlike a keyed one it survives a
    change of SECRET_KEY.
    """
    return urlsafe_b64encode(sha256(key.encode()).digest())[:-1].decode()
