"""References: the user, and whatever else, that a session belongs to. Computed from its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .codec import is_storable
from .fields import Fields

Source = str | Callable[[Mapping[str, Any]], object]  # a field's name, or a function of the fields

MAX_LENGTH = 255  # characters; the width of the columns that index them


def resolve(fields: Mapping[str, Any], sources: Mapping[str, Source]) -> dict[str, str]:
    """Return the references of a session with these fields: name to value, without empty ones.

    ``sources`` maps each name to a `Source`. Raises ValueError for a value that cannot be indexed.
    """
    found = {}
    for name, source in sources.items():
        value = source(fields) if callable(source) else fields.get(source)
        if (text := as_text(name, value)) is not None:
            found[name] = text
    return found


def changes(stored: Mapping[str, str], current: Mapping[str, str]) -> dict[str, str | None]:
    """Return the names whose value has changed, with the new value or None if it was removed."""
    names = stored.keys() | current.keys()
    return {name: current.get(name) for name in names if stored.get(name) != current.get(name)}


def changed_references(
    stored: Mapping[str, str], fields: Fields, sources: Mapping[str, Source]
) -> dict[str, str | None]:
    """Return the changes that make the stored references agree with the fields.

    A reference whose field is corrupt, and therefore saved unchanged, does not change either.
    """
    known = {n: s for n, s in sources.items() if callable(s) or not fields.is_corrupt(s)}
    unknown = sources.keys() - known.keys()
    kept = {name: value for name, value in stored.items() if name not in unknown}
    return changes(kept, resolve(fields, known))


def as_text(name: str, value: object) -> str | None:
    """Return the text that a value is indexed as, or None for an empty value.

    None and "" are never indexed: nobody may end "every session without a user" by mistake. Raises
    ValueError for a collection, for bytes, and for text that cannot be stored.
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
