"""The fields of a session as a dictionary that decodes lazily and knows what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from enum import Enum
from typing import Any

from . import codec
from .record import NOTHING


class _Stored(Enum):
    """A placeholder for a value that is not decoded. An Enum, so that it survives a copy."""

    ENCODED = "not decoded yet"
    CORRUPT = "cannot be decoded: reads as absent, and is saved unchanged"


_ENCODED, _CORRUPT = _Stored


class Fields(MutableMapping[str, Any]):
    """The fields of one session, between a read and a write.

    ``stored`` maps the names to the encoded values as they were last read from the storage. Reading
    one value of a large session decodes one value: decoding all made a load of 100 fields from
    Redis six times as slow (measured). A field that cannot be decoded is logged with the session's
    handle and reads as absent. A save leaves it unchanged, so that a wrong SESSION_SERIALIZER on
    one host destroys nothing.
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
        """Return the value, or the default if there is none.

        The base class raises and catches a KeyError for every missing name, which is slow, and
        Django looks up several missing names on every request.
        """
        if type(name) is str and name not in self._values:
            return default
        return super().get(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        self._values[_storable(_text(name))] = value

    def __delitem__(self, name: str) -> None:
        self[name]  # raises KeyError for a corrupt field, which reads as absent
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
        """Remove all fields, corrupt ones too."""
        self._values.clear()

    @staticmethod
    def text(name: Any) -> str:
        """Return the text that a name is stored as."""
        return _text(name)

    def rebase(self, stored: Mapping[str, bytes]) -> None:
        """Replace the stored values, which `delta` compares with, and keep the current ones."""
        self._stored = stored

    def is_corrupt(self, name: str) -> bool:
        """Return whether a value is stored that cannot be decoded."""
        return name in self._values and name not in self

    def encoded(self) -> dict[str, bytes]:
        """Return all fields, encoded. A field that was never read is not encoded again.

        Raises what the serializer raises for a value that it cannot encode.
        """
        return {name: self.encode(name) for name in self._values}

    def encode(self, name: str) -> bytes:
        """Return one field, encoded. Raises what the serializer raises."""
        value = self._values[name]
        if value is _ENCODED or value is _CORRUPT:
            return self._stored[name]
        return codec.encode(value, self._serializer)

    def delta(self) -> tuple[dict[str, bytes], set[str]]:
        """Return the encoded fields to set and the names to unset in the storage.

        A value that was changed in place is found too, because encoded values are compared. A field
        that was never read cannot have changed.
        """
        encoded = self.encoded()
        set_ = {name: data for name, data in encoded.items() if data != self._stored.get(name)}
        return set_, self._stored.keys() - encoded.keys()

    def _decoded(self, name: str) -> Any:
        """Return the stored value, decoded, or log that it is corrupt."""
        try:
            return codec.decode(self._stored[name], self._serializer)
        except Exception:  # serializers raise what they like; Django's decode() does the same
            codec.logger.warning("Field %r of session %s is corrupt", name, self._handle)
            return _CORRUPT


def _text(name: Any) -> str:
    """Return a field's name as JSON writes it. In Django, 1 becomes "1" when it is reloaded."""
    if type(name) is str:
        return name
    return next(iter(json.loads(json.dumps({name: None}))))  # type: ignore[no-any-return]


def _storable(name: str) -> str:
    """Return the name. Raises ValueError if a database could not store it."""
    if codec.is_storable(name):
        return name
    raise ValueError(f"Session field {name!r}: a name must not contain NUL or a lone surrogate.")
