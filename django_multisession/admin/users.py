"""The search for users, and links to their pages in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse


def find_users(text: str, limit: int, *, request: HttpRequest, site: AdminSite) -> Sequence[Any]:
    """Return at most ``limit`` users that match the text. Two queries.

    The user with this primary key comes first. Then come the users that the search of the user
    admin finds. If this site has no user admin with a search, the users with exactly this user
    name or e-mail address are returned instead.
    """
    model: Any = get_user_model()
    by_key = [*model._default_manager.filter(pk=to_primary_key(text))]
    admin = site._registry.get(model)
    if admin is not None and admin.get_search_fields(request):
        found, _ = admin.get_search_results(request, admin.get_queryset(request), text)
    else:
        found = model._default_manager.filter(_has_name(model, text))
    others = found.exclude(pk__in=[user.pk for user in by_key]).order_by("pk").distinct()
    return [*by_key, *others[: limit - len(by_key)]]


def to_primary_key(text: str) -> Any:
    """Convert the text that sessions store to a primary key. None: the text is not a valid one."""
    field: Any = get_user_model()._meta.pk
    while field.remote_field:
        field = field.target_field
    with suppress(ValidationError, ValueError, OverflowError):
        key = field.to_python(text)
        field.run_validators(key)  # some databases raise an error for a number out of range
        return key
    return None


def change_url(user: Any, site: AdminSite) -> str | None:
    """Return the URL of the user's page in the admin, or None if there is no such page."""
    meta = user._meta
    if not site.is_registered(type(user)):
        return None
    with suppress(NoReverseMatch):
        name = f"admin:{meta.app_label}_{meta.model_name}_change"
        return reverse(name, args=[quote(user.pk)], current_app=site.name)
    return None


def _has_name(model: Any, text: str) -> Q:
    """Return the condition that a user has this user name or e-mail address."""
    condition = Q()
    for name in (model.USERNAME_FIELD, model.get_email_field_name()):
        with suppress(FieldDoesNotExist):
            condition |= Q(**{model._meta.get_field(name).name: text})
    return condition
