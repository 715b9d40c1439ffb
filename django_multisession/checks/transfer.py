"""Checks of MULTISESSION_MIGRATE_FROM, the previous engines."""

from __future__ import annotations

from .. import conf
from ..transfer.detection import source_of
from .common import Messages, error

SETTING = "MULTISESSION_MIGRATE_FROM"


def _migrate_from() -> Messages:
    engines = conf.get(SETTING)
    if not isinstance(engines, (list, tuple)) or not all(isinstance(e, str) for e in engines):
        hint = 'Set a list of engines, for example ["django.contrib.sessions.backends.db"].'
        yield error(28, f"{SETTING} must be a list of engines, not {engines!r}.", hint)
        return
    for engine in engines:
        if engine == conf.django_setting("SESSION_ENGINE"):
            text = f"{SETTING} contains {engine!r}, which is SESSION_ENGINE."
            yield error(30, text, "List only previous engines.")
        elif reason := _fault(engine):
            hint = "Check the spelling, and keep what the engine needs: its app in "
            hint += "INSTALLED_APPS, its package and its settings."
            yield error(29, f"{SETTING}: {engine!r} cannot be used: {reason}", hint)


def _fault(engine: str) -> Exception | None:
    """Return the reason why a previous engine cannot be used, or None."""
    try:
        source_of(engine).check()
    except Exception as reason:  # an engine may raise anything
        return reason
    return None


CHECKS = (_migrate_from,)
