"""The two values that cross the seam between policy and storage."""

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
    return NOTHING  # by a function, because Python 3.11 takes it for mutable


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a storage keeps for one session.

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
    # Names the last write, where a storage has use for that; no fact of the session.
    version: str = field(default="", compare=False, repr=False)

    def is_live(self, now: datetime) -> bool:
        return self.expires_at > now

    def without_fields(self) -> Record:
        """As listings show it."""
        return replace(self, fields=NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write sends. Whatever is empty or None stays as it is stored.

    ``references`` holds only the names that changed, so that two requests changing different
    references both win; None removes the name.
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
        """Does it leave the fields alone?"""
        return not self.set and not self.unset

    def apply_to(self, record: Record) -> Record:
        """The record after this change: the merge every storage makes on its server."""
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
    """Raises ValueError for one that no server could keep."""
    if len(label) > LABEL_LENGTH:
        raise ValueError(f"A label has {LABEL_LENGTH} characters at most, not {len(label)}.")
    if not is_storable(label):
        raise ValueError(f"The label {label!r} holds a NUL or a lone surrogate.")
    return label


def _merged(
    stored: Mapping[str, bytes], set_: Mapping[str, bytes], unset: Collection[str]
) -> Mapping[str, bytes]:
    return {name: value for name, value in {**stored, **set_}.items() if name not in unset}


def _without_none(references: Mapping[str, str | None]) -> Mapping[str, str]:
    return {name: value for name, value in references.items() if value is not None}
