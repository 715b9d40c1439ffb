"""What is wrong with the engines that sessions come from."""

from __future__ import annotations

from .. import conf
from ..transfer.detection import source_of
from .common import Messages, error

SETTING = "MULTISESSION_MIGRATE_FROM"


def _migrate_from() -> Messages:
    engines = conf.get(SETTING)
    if not isinstance(engines, (list, tuple)) or not all(isinstance(e, str) for e in engines):
        hint = 'Set a list of engines, for example ["django.contrib.sessions.backends.db"].'
        yield error(28, f"{SETTING} {engines!r} is no list of engines.", hint)
        return
    for engine in engines:
        if engine == conf.django_setting("SESSION_ENGINE"):
            text = f"{SETTING} holds {engine!r}, which is SESSION_ENGINE."
            yield error(30, text, "Name the engines that sessions were kept in before.")
        elif reason := _fault(engine):
            hint = "Check the spelling. What the engine needs has to stay: its app in "
            hint += "INSTALLED_APPS, its package, and its settings."
            yield error(29, f"{SETTING}: {engine!r} cannot be used: {reason}", hint)


def _fault(engine: str) -> Exception | None:
    try:
        source_of(engine).check()
    except Exception as reason:  # an engine imports, and says, what it likes
        return reason
    return None


CHECKS = (_migrate_from,)
