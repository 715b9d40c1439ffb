"""Periodic work as tasks of Django's task framework (Django 6.0 and later)."""

from __future__ import annotations

from django.tasks import task

from . import sessions


@task()
def prune_sessions(batch_size: int = 1000, pause: float = 0.005, limit: int | None = None) -> int:
    """Prune expired sessions, see `sessions.prune`. Enqueue it once a day, for example."""
    return sessions.prune(batch_size=batch_size, pause=pause, limit=limit)
