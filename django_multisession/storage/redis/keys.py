"""The names of all keys. Pure.

::

    prefix:{tt}:rest    hash        a session; its id is tt + rest
    prefix:{tt}         sorted set  the bucket: ids that begin with tt, by expiry
    prefix:user=42      sorted set  ids that have this reference, see scripts/common.lua
    prefix:{tt}:rest:   text        on a cluster, for a minute: the new id of a renamed session
    prefix:lease:name   text        the end of a lease, and its owner

The braces put a session and its bucket into one slot of a cluster, so that one script writes both.
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
    """Return the tag of the bucket that the id is in."""
    return id[:2]


class KeyBuilder:
    """Builds the keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.root = f"{prefix}:"  # of every key; a reference follows it directly

    def session(self, id: str) -> str:
        """Return the key of a session's hash."""
        return f"{self.root}{{{id[:2]}}}:{id[2:]}"

    def rename_marker(self, id: str) -> str:
        """Return the key that remembers the new id of a session that was just renamed."""
        return f"{self.session(id)}:"

    def bucket(self, tag: str) -> str:
        """Return the key of a bucket's sorted set."""
        return f"{self.root}{{{tag}}}"

    def lease(self, name: str) -> str:
        """Return the key of a lease. It differs from a reference's, which has a "="."""
        return f"{self.root}lease:{name}"

    def reference(self, reference_text: str) -> str:
        """Return the key of a reference's sorted set."""
        return self.root + reference_text


def reference_text(name: str, value: str) -> str:
    """Return a reference as text: user=42."""
    return f"{name}={value}"


def references_text(references: Mapping[str, str | None]) -> str:
    """Return references, or changes of them, as one text, separated by NUL.

    A name alone removes the reference. No value contains a NUL.
    """
    return "\0".join(n if v is None else reference_text(n, v) for n, v in references.items())


def parse_references(text: str) -> dict[str, str]:
    """Return the references that `references_text` made the text of."""
    return dict(part.partition("=")[::2] for part in text.split("\0")) if text else {}
