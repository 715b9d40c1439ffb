"""What keys are called. Pure.

::

    prefix:{tt}:rest    hash        a session; its id is tt + rest
    prefix:{tt}         sorted set  the bucket: ids that begin with tt, by expiry
    prefix:user=42      sorted set  ids that have this reference, see scripts/common.lua
    prefix:{tt}:rest:   text        on a cluster, for a minute: who gave this session a new id
    prefix:lease:name   text        until when, and whose, a lease is

The braces put a session and its bucket into one slot of a cluster, so that one script keeps both.
4096 buckets spread evenly: of 3 nodes the fullest has 1 % more than its share, of 30 nodes 13 %.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from string import ascii_letters, digits

# The first two characters of an id are 12 bits of a SHA-256.
_ALPHABET = ascii_letters + digits + urlsafe_b64encode(b"\xfb\xff").decode()[:2]
TAGS = sorted(first + second for first in _ALPHABET for second in _ALPHABET)


def tag_of(id: str) -> str:
    return id[:2]


class KeyBuilder:
    """The names under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.root = f"{prefix}:"  # of all; a reference follows it directly

    def session(self, id: str) -> str:
        return f"{self.root}{{{id[:2]}}}:{id[2:]}"

    def note(self, id: str) -> str:
        return f"{self.session(id)}:"

    def bucket(self, tag: str) -> str:
        return f"{self.root}{{{tag}}}"

    def lease(self, name: str) -> str:
        """No reference: those have a "=", and these names have none."""
        return f"{self.root}lease:{name}"

    def reference(self, reference_text: str) -> str:
        return self.root + reference_text


def reference_text(name: str, value: str) -> str:
    """A reference as text: user=42."""
    return f"{name}={value}"


def references_text(references: Mapping[str, str | None]) -> str:
    """References, or changes of them, as text; a name alone removes it. No value has a NUL."""
    return "\0".join(n if v is None else reference_text(n, v) for n, v in references.items())


def parse_references(text: str) -> dict[str, str]:
    """The inverse of `items`."""
    return dict(part.partition("=")[::2] for part in text.split("\0")) if text else {}
