"""The engine in use, for what is built on sessions."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from . import conf
from .session import SessionStore


@conf.kept
def store() -> type[SessionStore]:
    """Raises ImproperlyConfigured where SESSION_ENGINE is not one of ours."""
    name = conf.djangos("SESSION_ENGINE")
    engine = conf.imported(f"{name}.SessionStore")
    if not issubclass(engine, SessionStore):
        raise ImproperlyConfigured(
            f"SESSION_ENGINE {name!r} does not know whose sessions are. Set it to "
            "'django_multisession.backends.db', for example."
        )
    return engine  # type: ignore[no-any-return]
