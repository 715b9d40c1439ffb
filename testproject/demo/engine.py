"""The kind of engine that the demo runs on: this package's or Django's."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from django_multisession.session import SessionStore


def is_multisession() -> bool:
    """Return whether SESSION_ENGINE is an engine of django_multisession."""
    return issubclass(import_string(f"{settings.SESSION_ENGINE}.SessionStore"), SessionStore)


def template_context(request: HttpRequest) -> dict[str, Any]:
    """Return what every template needs to know about the engine. A context processor."""
    return {"engine": settings.SESSION_ENGINE, "is_multisession": is_multisession()}
