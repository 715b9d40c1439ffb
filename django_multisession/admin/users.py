"""Users, as the admin finds and shows them."""

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


def users_matching(
    text: str, limit: int, *, request: HttpRequest, site: AdminSite
) -> Sequence[Any]:
    """The user of this primary key first, then those that the admin of users finds by it; without
    one, those of this name or e-mail address. Two queries."""
    model: Any = get_user_model()
    by_key = [*model._default_manager.filter(pk=to_key(text))]
    admin = site._registry.get(model)
    if admin is not None and admin.get_search_fields(request):
        found, _ = admin.get_search_results(request, admin.get_queryset(request), text)
    else:
        found = model._default_manager.filter(_is_called(model, text))
    others = found.exclude(pk__in=[user.pk for user in by_key]).order_by("pk").distinct()
    return [*by_key, *others[: limit - len(by_key)]]


def to_key(text: str) -> Any:
    """The primary key that sessions have as this text; None, if it is none of the model."""
    field: Any = get_user_model()._meta.pk
    while field.remote_field:
        field = field.target_field
    with suppress(ValidationError, ValueError, OverflowError):
        key = field.to_python(text)
        field.run_validators(key)  # or a number that is too large is an error of some databases
        return key
    return None


def page_of(user: Any, site: AdminSite) -> str | None:
    """The address of the user's page in the admin, if there is one."""
    meta = user._meta
    if not site.is_registered(type(user)):
        return None
    with suppress(NoReverseMatch):
        name = f"admin:{meta.app_label}_{meta.model_name}_change"
        return reverse(name, args=[quote(user.pk)], current_app=site.name)
    return None


def _is_called(model: Any, text: str) -> Q:
    names = [model.USERNAME_FIELD, model.get_email_field_name()]
    is_called = Q()
    for name in names:
        with suppress(FieldDoesNotExist):
            is_called |= Q(**{model._meta.get_field(name).name: text})
    return is_called
