"""Checks of SESSION_ENGINE and of the session middleware."""

from __future__ import annotations

from importlib import import_module

from .. import conf, engine
from ..engine import BACKENDS, DJANGO_MIDDLEWARE, OUR_MIDDLEWARE
from .common import Messages, error, warning


def _engine() -> Messages:
    name = conf.django_setting("SESSION_ENGINE")
    if name.startswith("django_multisession") and not name.startswith(BACKENDS):
        yield error(1, f"SESSION_ENGINE {name!r} is not a session engine.", f"Try {BACKENDS}db.")
    elif name.startswith(BACKENDS):
        try:
            import_module(name)
        except ImportError as reason:
            hint = f"Check the name ({BACKENDS}db, for example) and install what the engine needs."
            yield error(1, f"SESSION_ENGINE {name!r} cannot be imported: {reason}.", hint)
        except ValueError as reason:
            hint = (
                "Correct the setting that the message names; the README lists the allowed values."
            )
            yield error(14, f"SESSION_ENGINE {name!r} cannot be used: {reason}", hint)


def _middleware() -> Messages:
    kinds = engine.middleware()
    module, ours = engine.module(), engine.find_store() is not None
    if len(kinds) > 1:
        text = "MIDDLEWARE has more than one session middleware, so sessions would be saved twice."
        yield error(12, text, f"Keep {OUR_MIDDLEWARE} and remove the others.")
    elif OUR_MIDDLEWARE in kinds and module and not ours:
        text = f"{OUR_MIDDLEWARE} in MIDDLEWARE works only with the engines of django_multisession."
        yield error(13, text, f"Set SESSION_ENGINE to {BACKENDS}db, or use {DJANGO_MIDDLEWARE}.")
    elif DJANGO_MIDDLEWARE in kinds and ours:
        text = "MIDDLEWARE has Django's session middleware, which does not record the IP address, "
        text += "the device and the last use of a session."
        yield warning(1, text, f"Replace {DJANGO_MIDDLEWARE} with {OUR_MIDDLEWARE}.")
    elif not kinds and ours:
        text = "MIDDLEWARE has no session middleware, so requests have no session."
        yield warning(
            3, text, f"Add {OUR_MIDDLEWARE} before the middleware that uses request.session."
        )


CHECKS = (_engine, _middleware)
