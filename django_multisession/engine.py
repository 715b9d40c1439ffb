"""The session engine and the session middleware that this project has configured."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from . import conf
from .session import SessionStore

BACKENDS = "django_multisession.backends."
OUR_MIDDLEWARE = "django_multisession.middleware.SessionMiddleware"
DJANGO_MIDDLEWARE = "django.contrib.sessions.middleware.SessionMiddleware"


@conf.cached_setting
def store() -> type[SessionStore]:
    """Return the ``SessionStore`` class of SESSION_ENGINE.

    Raises ImproperlyConfigured if the engine is not one of this package, and ImportError,
    AttributeError or ValueError if it cannot be loaded.
    """
    name = conf.django_setting("SESSION_ENGINE")
    engine = load(name)
    if not issubclass(engine, SessionStore):
        raise ImproperlyConfigured(
            f"SESSION_ENGINE {name!r} keeps no index of the users that sessions belong to. Set it "
            "to 'django_multisession.backends.db', for example."
        )
    return engine


def find_store() -> type[SessionStore] | None:
    """Return what store() returns, or None where it raises."""
    engine: Any = getattr(module(), "SessionStore", object)
    return engine if issubclass(engine, SessionStore) else None


def module() -> ModuleType | None:
    """Return the module of SESSION_ENGINE. None: it cannot be loaded, which a check reports."""
    with suppress(ImportError, ValueError):
        return import_module(conf.django_setting("SESSION_ENGINE"))
    return None


def load(name: str) -> type[Any]:
    """Return the ``SessionStore`` class of any engine. Raises whatever importing it raises."""
    return import_module(name).SessionStore  # type: ignore[no-any-return]


def uses_redis_alias() -> bool:
    """Return whether the Redis engine connects through an alias of CACHES."""
    is_redis = conf.django_setting("SESSION_ENGINE") == f"{BACKENDS}redis"
    return is_redis and conf.get("MULTISESSION_REDIS_URL") is None


def middleware() -> list[str]:
    """Return OUR_MIDDLEWARE or DJANGO_MIDDLEWARE for each session middleware in MIDDLEWARE.

    A project's subclass counts as what it derives from.
    """
    found: list[str] = []
    for path in conf.django_setting("MIDDLEWARE"):
        with suppress(ImportError):  # Django reports it
            kind = conf.import_setting(path)
            bases = kind.__mro__ if isinstance(kind, type) else ()
            names = (f"{base.__module__}.{base.__qualname__}" for base in bases)
            found += [name for name in names if name in (OUR_MIDDLEWARE, DJANGO_MIDDLEWARE)][:1]
    return found
