"""A model of sessions and their references in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

AGE = timedelta(days=14)  # SESSION_COOKIE_AGE
FIELDS = ("_auth_user_id", "org_id", "team_id")
# Some are equal in a database that ignores case, accents or spaces. 7 is equal to "7".
VALUES = ("7", 7, "7 ", "a", "A", "\u00e4", "x=y", "n" * 250, "", None)
SETTINGS = (
    {"user": "_auth_user_id"},
    {"user": "_auth_user_id", "org": "org_id"},
    {"user": "_auth_user_id", "org": "team_id"},
    {"user": "_auth_user_id", "org": "org_id", "team": "support.index_model.team_of"},
)


def team_of(fields: Any) -> str | None:
    return fields.get("team_id") and f"team {fields['team_id']}"


@dataclass(eq=False)
class Known:
    """A session as the model expects it."""

    fields: dict[str, Any]
    key: str = ""
    handle: str = ""
    seen: datetime | None = None
    ends: datetime | None = None
    age: timedelta = AGE
    references: dict[str, str] | None = None

    def stored(self, holder: Any, now: datetime, setting: dict[str, str]) -> None:
        """Note that a request has stored the session."""
        self.key, self.handle = holder.session_key, holder.handle
        self.seen, self.ends = now, now + self.age
        self.references = self.references_by(setting)

    def references_by(self, setting: dict[str, str]) -> dict[str, str]:
        sources = {name: self.fields.get(source) for name, source in setting.items()}
        if "team" in setting:
            sources["team"] = team_of(self.fields)
        return {name: str(value) for name, value in sources.items() if value not in (None, "")}
