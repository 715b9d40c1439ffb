"""The session's dict: decodes a field when it is first touched, and knows what changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from enum import Enum
from typing import Any

from . import codec
from .record import NOTHING


class _Stored(Enum):
    """Stands for a value that is not here: an Enum, so that it survives a copy."""

    ENCODED = "not decoded yet"
    CORRUPT = "cannot be decoded: reads as absent, and is left as it is"


_ENCODED, _CORRUPT = _Stored


class Fields(MutableMapping[str, Any]):
    """The fields of one session, between a read and a write.

    ``stored`` is what the storage holds as far as we know. Reading one value of a large session
    decodes one value (research on Redis: eager decoding made a load of 100 fields six times as
    slow). A field that cannot be decoded is logged with the session's handle and reads as
    absent; a save leaves it alone, so a wrong SESSION_SERIALIZER on one host destroys nothing.
    """

    __slots__ = ("_handle", "_serializer", "_stored", "_values")

    def __init__(
        self,
        serializer: Callable[[], codec.Serializer],
        stored: Mapping[str, bytes] = NOTHING,
        handle: str | None = None,
    ) -> None:
        self._serializer = serializer()
        self._stored = stored
        self._handle = handle
        self._values: dict[str, Any] = dict.fromkeys(stored, _ENCODED)

    def __getitem__(self, name: str) -> Any:
        try:
            name = _text(name)
        except TypeError:
            raise KeyError(name) from None
        value = self._values[name]
        if value is _ENCODED:
            value = self._values[name] = self._decoded(name)
        if value is _CORRUPT:
            raise KeyError(name)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The base raises and catches a KeyError for every name that is not there, and Django asks
        for some such names on every request."""
        if type(name) is str and name not in self._values:
            return default
        return super().get(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[_storable(_text(name))] = value

    def __delitem__(self, name: str) -> None:
        self[name]  # a corrupt field is absent, so there is nothing to delete
        del self._values[_text(name)]

    def __iter__(self) -> Iterator[str]:
        return (name for name in list(self._values) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self._values)} fields>"

    def clear(self) -> None:
        self._values.clear()

    @staticmethod
    def text(name: Any) -> str:
        """What a name is kept as."""
        return _text(name)

    def rebase(self, stored: Mapping[str, bytes]) -> None:
        """Take ``stored`` as what the storage holds now, and keep the values as they are."""
        self._stored = stored

    def is_corrupt(self, name: str) -> bool:
        """Is there something stored that cannot be decoded?"""
        return name in self._values and name not in self

    def encoded(self) -> dict[str, bytes]:
        """All fields as a storage keeps them. One that was never touched costs nothing.

        Raises what the serializer raises for a value it cannot take.
        """
        return {name: self.encode(name) for name in self._values}

    def encode(self, name: str) -> bytes:
        """One of them."""
        value = self._values[name]
        if value is _ENCODED or value is _CORRUPT:
            return self._stored[name]
        return codec.encode(value, self._serializer)

    def delta(self) -> tuple[dict[str, bytes], set[str]]:
        """Fields to set, encoded, and names to unset, for the storage to hold these values.

        A value changed in place counts; a field never touched cannot have changed.
        """
        encoded = self.encoded()
        set_ = {name: data for name, data in encoded.items() if data != self._stored.get(name)}
        return set_, self._stored.keys() - encoded.keys()

    def _decoded(self, name: str) -> Any:
        try:
            return codec.decode(self._stored[name], self._serializer)
        except Exception:  # serializers raise what they like; Django's decode() does the same
            codec.logger.warning("Field %r of session %s is corrupt", name, self._handle)
            return _CORRUPT


def _text(name: Any) -> str:
    """A field's name as JSON would spell it: Django has always turned 1 into "1" on reload."""
    if type(name) is str:
        return name
    return next(iter(json.loads(json.dumps({name: None}))))  # type: ignore[no-any-return]


def _storable(name: str) -> str:
    if codec.is_storable(name):
        return name
    raise ValueError(f"Session field {name!r}: a name may hold no NUL and no lone surrogate.")
