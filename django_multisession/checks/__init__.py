"""System checks: one for every misconfiguration, each with an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, register

from . import deployment, engine, server, settings, transfer
from .common import all_of


@register(Tags.security)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check the settings, the engine and MULTISESSION_MIGRATE_FROM: ``manage.py check``."""
    return all_of([*settings.CHECKS, *engine.CHECKS, *transfer.CHECKS])


@register(Tags.security, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Check what matters only in production: ``manage.py check --deploy``."""
    return all_of(deployment.CHECKS)


@register(Tags.database)
def check_server(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the server: ``manage.py check --database default``, and ``migrate``."""
    return all_of(server.CHECKS) if databases else []
