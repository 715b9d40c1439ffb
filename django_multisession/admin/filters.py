"""The filters of the session list.

No storage has an index for them, so they are applied to sessions that have been read.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..engine import store
from ..sessions import SessionInfo, owners


class Filter(SimpleListFilter):
    """A filter that tests one session after the other instead of changing a queryset.

    Raises IncorrectLookupParameters for a value that is not one of its choices.
    """

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(request, *args)
        self.request = request
        if self.value() not in {None, *(value for value, _ in self.lookup_choices)}:
            raise IncorrectLookupParameters

    def queryset(self, request: Any, queryset: Any) -> Any:
        return None

    def matches(self, info: SessionInfo) -> bool:
        """Return whether to list the session. Only called if a choice is selected."""
        raise NotImplementedError


class SignedIn(Filter):
    title = _("sign-in")
    parameter_name = "signed_in"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [("yes", _("Signed in")), ("no", _("Anonymous"))]

    def matches(self, info: SessionInfo) -> bool:
        return (info.user_id is not None) == (self.value() == "yes")


class Owner(Filter):
    title = _("owner")
    parameter_name = "owner"

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [("me", _("My own"))]

    def matches(self, info: SessionInfo) -> bool:
        return info.user_id == owners.user_pk(self.request.user)


class Expiry(Filter):
    title = _("expiry")
    parameter_name = "ends"
    spans = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    def lookups(self, request: Any, model_admin: Any) -> Any:
        return [
            ("hour", pgettext_lazy("expires", "Within an hour")),
            ("day", pgettext_lazy("expires", "Within a day")),
            ("week", pgettext_lazy("expires", "Within a week")),
        ]

    def matches(self, info: SessionInfo) -> bool:
        remaining = info.expires_at - store().storage.clock()
        return remaining <= self.spans[str(self.value())]
