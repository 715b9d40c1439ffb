"""Whom or what a session belongs to, computed from its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .codec import is_storable
from .fields import Fields

Source = str | Callable[[Mapping[str, Any]], object]

MAX_LENGTH = 255  # characters; the width of the columns that index them


def resolve(fields: Mapping[str, Any], sources: Mapping[str, Source]) -> dict[str, str]:
    """Every reference the fields have: name to value. Empty ones are left out.

    A source is a field's name, or a callable that is given the fields. Raises ValueError for a
    value that cannot be indexed.
    """
    found = {}
    for name, source in sources.items():
        value = source(fields) if callable(source) else fields.get(source)
        if (text := as_text(name, value)) is not None:
            found[name] = text
    return found


def changes(stored: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str | None]:
    """The names whose value is another now than stored; None for those that are gone."""
    names = stored.keys() | current.keys()
    return {name: current.get(name) for name in names if stored.get(name) != current.get(name)}


def changed_references(
    stored: Mapping[str, str], fields: Fields, sources: Mapping[str, Source]
) -> dict[str, str | None]:
    """What to change for the stored references to be what the fields say now. Of a field that
    cannot be read nobody knows; it is left as it is, and so is the reference."""
    known = {n: s for n, s in sources.items() if callable(s) or not fields.is_corrupt(s)}
    unknown = sources.keys() - known.keys()
    kept = {name: value for name, value in stored.items() if name not in unknown}
    return changes(kept, resolve(fields, known))


def as_text(name: str, value: object) -> str | None:
    """The value as it is indexed, or None where there is nothing to index.

    None and "" never are: "every session of nobody" must not be something one can end.
    """
    if value is None:
        return None
    if isinstance(value, (dict, list, set, bytes)):
        raise ValueError(
            f"Reference {name!r} must be text or a number, not {type(value).__name__}."
        )
    text = str(value)
    if not text:
        return None
    if len(text) > MAX_LENGTH or not is_storable(text):
        raise ValueError(
            f"Reference {name!r} must have at most {MAX_LENGTH} characters, no NUL and no lone "
            "surrogate."
        )
    return text
