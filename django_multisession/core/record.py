"""`Record` and `Change`: the two values that the session object and a storage exchange."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from .codec import is_storable

NOTHING: Mapping[str, Any] = MappingProxyType({})
LABEL_LENGTH = 100  # characters


def _nothing() -> Mapping[str, Any]:
    return NOTHING  # as a factory, because Python 3.11 takes the default for mutable


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The data that a storage keeps for one session.

    Times are aware and in UTC. ``fields`` maps a field's name to its encoded value, which is
    ASCII without NUL (see `codec`). Listings leave ``fields`` empty.
    """

    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    fields: Mapping[str, bytes] = field(default_factory=_nothing, repr=False)
    references: Mapping[str, str] = field(default_factory=_nothing)
    ip: str | None = None
    user_agent: str = ""
    label: str = ""
    # Identifies the last write, in storages that need that. Not a property of the session.
    version: str = field(default="", compare=False, repr=False)

    def is_live(self, now: datetime) -> bool:
        """Return whether the record has not expired."""
        return self.expires_at > now

    def without_fields(self) -> Record:
        """Return a copy without fields, as listings return it."""
        return replace(self, fields=NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The data that one write sends. An empty or None value leaves what is stored.

    ``set`` maps names to encoded values, ``unset`` names the fields to remove. ``references`` holds
    only the names that changed, so that two requests that change different references both win; the
    value None removes the name.
    """

    set: Mapping[str, bytes] = field(default_factory=_nothing, repr=False)
    unset: Collection[str] = ()
    expires_at: datetime | None = None
    last_seen_at: datetime | None = None
    references: Mapping[str, str | None] = field(default_factory=_nothing)
    ip: str | None = None
    user_agent: str | None = None
    label: str | None = None

    @property
    def touches_only(self) -> bool:
        """True if the change sets and removes no fields."""
        return not self.set and not self.unset

    def apply_to(self, record: Record) -> Record:
        """Return the record after this change: the merge that every storage makes on its server."""
        return Record(
            fields=_merged(record.fields, self.set, self.unset),
            created_at=record.created_at,
            last_seen_at=self.last_seen_at or record.last_seen_at,
            expires_at=self.expires_at or record.expires_at,
            references=_without_none({**record.references, **self.references}),
            ip=record.ip if self.ip is None else self.ip,
            user_agent=record.user_agent if self.user_agent is None else self.user_agent,
            label=record.label if self.label is None else self.label,
        )


def live(record: Record | None, now: datetime) -> Record | None:
    """Return the record if there is one and it has not expired, or None."""
    return record if record is not None and record.is_live(now) else None


def checked_label(label: str) -> str:
    """Return the label. Raises ValueError for one that is too long or cannot be stored."""
    if len(label) > LABEL_LENGTH:
        raise ValueError(f"A label has {LABEL_LENGTH} characters at most, not {len(label)}.")
    if not is_storable(label):
        raise ValueError(f"The label {label!r} contains NUL or a lone surrogate.")
    return label


def _merged(
    stored: Mapping[str, bytes], set_: Mapping[str, bytes], unset: Collection[str]
) -> Mapping[str, bytes]:
    return {name: value for name, value in {**stored, **set_}.items() if name not in unset}


def _without_none(references: Mapping[str, str | None]) -> Mapping[str, str]:
    return {name: value for name, value in references.items() if value is not None}
