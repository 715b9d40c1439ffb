"""Sessions as the admin shows them: each with its user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..devices import in_words
from ..models import Session
from ..sessions import SessionInfo
from .users import to_key


class SessionRow:
    """A session, in the place of the object of a model that the admin expects."""

    _meta = Session._meta

    def __init__(self, info: SessionInfo, user: Any, *, is_current: bool) -> None:
        """``user``: None where it is nobody's, or of somebody who is not in the database."""
        self.info, self.user, self.is_current = info, user, is_current

    @property
    def pk(self) -> str:
        return self.info.handle

    @property
    def device(self) -> str:
        return in_words(self.info.user_agent)

    @property
    def owner(self) -> str:
        """In words."""
        if self.info.user_id is None:
            return _("anonymous")
        if self.user is None:
            return _("user %(id)s") % {"id": self.info.user_id}
        return str(self.user.get_username())

    @property
    def further_references(self) -> list[tuple[str, str]]:
        return [each for each in self.info.references.items() if each[0] != "user"]

    def serializable_value(self, name: str) -> str:
        return self.pk

    def __str__(self) -> str:
        parts = (self.owner, self.info.label, self.device, self.info.ip)
        return ", ".join(part for part in parts if part)


def rows_of(infos: Sequence[SessionInfo], request: HttpRequest) -> list[SessionRow]:
    """One query for the users, however many there are; none where there are none."""
    users = _users({info.user_id for info in infos if info.user_id is not None})
    return [
        SessionRow(info, users.get(info.user_id or ""), is_current=info.is_current(request))
        for info in infos
    ]


def _users(keys: Iterable[str]) -> dict[str, Any]:
    """Primary key, as sessions have it -> user."""
    model: Any = get_user_model()
    wanted = [key for key in map(to_key, keys) if key is not None]
    found = model._base_manager.in_bulk(wanted) if wanted else {}
    return {str(model._meta.pk.value_to_string(user)): user for user in found.values()}
