"""What the engine can do: Django's own keep sessions, and know nothing of them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from django_multisession.session import SessionStore


def is_ours() -> bool:
    return issubclass(import_string(f"{settings.SESSION_ENGINE}.SessionStore"), SessionStore)


def facts(request: HttpRequest) -> dict[str, Any]:
    """For every template."""
    return {"engine": settings.SESSION_ENGINE, "knows_whose": is_ours()}
