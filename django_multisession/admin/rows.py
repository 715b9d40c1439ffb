"""Sessions in the form that Django's admin can list: as objects with a primary key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..devices import in_words
from ..models import Session
from ..sessions import SessionInfo
from .users import to_primary_key


class SessionRow:
    """A session with its user. It stands in for the model instance that the admin expects."""

    _meta = Session._meta

    def __init__(self, info: SessionInfo, user: Any, *, is_current: bool) -> None:
        """``user`` is None for an anonymous session, and if the user has been deleted."""
        self.info, self.user, self.is_current = info, user, is_current

    @property
    def pk(self) -> str:
        return self.info.handle

    @property
    def device(self) -> str:
        return in_words(self.info.user_agent)

    @property
    def owner(self) -> str:
        """The user name. Texts stand for anonymous and for deleted users."""
        if self.info.user_id is None:
            return _("anonymous")
        if self.user is None:
            return _("user %(id)s") % {"id": self.info.user_id}
        return str(self.user.get_username())

    @property
    def further_references(self) -> list[tuple[str, str]]:
        """Names and values of all references but the user."""
        return [(name, value) for name, value in self.info.references.items() if name != "user"]

    def serializable_value(self, name: str) -> str:
        """Return the primary key, the only field that the admin asks for."""
        return self.pk

    def __str__(self) -> str:
        parts = (self.owner, self.info.label, self.device, self.info.ip)
        return ", ".join(part for part in parts if part)


def make_rows(infos: Sequence[SessionInfo], request: HttpRequest) -> list[SessionRow]:
    """Return a row for each session. One query reads all users; none if nobody is signed in."""
    users = _users({info.user_id for info in infos if info.user_id is not None})
    return [
        SessionRow(info, users.get(info.user_id or ""), is_current=info.is_current(request))
        for info in infos
    ]


def _users(user_ids: Iterable[str]) -> dict[str, Any]:
    """Return the users that exist, by primary key in the text form that sessions store."""
    model: Any = get_user_model()
    keys = [key for key in map(to_primary_key, user_ids) if key is not None]
    found = model._base_manager.in_bulk(keys) if keys else {}
    return {str(model._meta.pk.value_to_string(user)): user for user in found.values()}
