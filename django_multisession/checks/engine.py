"""What is wrong with the engine, or with its middleware, wherever the project runs."""

from __future__ import annotations

from importlib import import_module

from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware

from .. import conf
from ..middleware import SessionMiddleware
from .common import (
    DJANGOS,
    ENGINES,
    OURS,
    Messages,
    engine,
    error,
    session_middleware,
    session_store,
    warning,
)


def _engine() -> Messages:
    name = conf.djangos("SESSION_ENGINE")
    if name.startswith("django_multisession") and not name.startswith(ENGINES):
        yield error(1, f"SESSION_ENGINE {name!r} is no engine.", f"Try {ENGINES}db.")
    elif name.startswith(ENGINES):
        try:
            import_module(name)
        except ImportError as reason:
            hint = f"Check the name ({ENGINES}db, for example) and install what the engine needs."
            yield error(1, f"SESSION_ENGINE {name!r} cannot be imported: {reason}.", hint)
        except ValueError as reason:
            hint = "Correct the setting; the README shows what it may be."
            yield error(14, f"SESSION_ENGINE {name!r} cannot be used: {reason}", hint)


def _middleware() -> Messages:
    kinds = session_middleware()
    module, ours = engine(), session_store() is not None
    if len(kinds) > 1:
        text = "MIDDLEWARE holds more than one session middleware: sessions would be saved twice."
        yield error(12, text, f"Keep {OURS} and remove the others.")
    elif SessionMiddleware in kinds and module and not ours:
        text = f"{OURS} in MIDDLEWARE works with the engines of django_multisession only."
        yield error(13, text, f"Set SESSION_ENGINE to {ENGINES}db, or use {DJANGOS}.")
    elif DjangosMiddleware in kinds and ours:
        text = "MIDDLEWARE holds Django's session middleware: sessions know neither address nor "
        text += "device, and are not touched."
        yield warning(1, text, f"Put {OURS} in the place of {DJANGOS}.")
    elif not kinds and ours:
        text = "MIDDLEWARE holds no session middleware: requests have no session."
        yield warning(3, text, f"Add {OURS} before what needs request.session.")


CHECKS = (_engine, _middleware)
