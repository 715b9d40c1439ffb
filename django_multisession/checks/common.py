"""What the checks share: messages with ids, and what the settings say of engine and middleware."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.core.checks import CheckMessage, Error, Warning

from .. import conf
from ..middleware import SessionMiddleware
from ..session import SessionStore

ENGINES = "django_multisession.backends."
OURS = "django_multisession.middleware.SessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"

Messages = Iterator[CheckMessage]


def all_of(checks: Iterable[Callable[[], Messages]]) -> list[CheckMessage]:
    return [message for check in checks for message in check()]


def error(number: int, message: str, hint: str) -> CheckMessage:
    return Error(message, hint=hint, id=f"multisession.E{number:03}")


def warning(number: int, message: str, hint: str) -> CheckMessage:
    return Warning(message, hint=hint, id=f"multisession.W{number:03}")


def importable(number: int, setting: str, path: str) -> Messages:
    """Complains of a dotted path that names no callable."""
    try:
        if not callable(conf.imported(path)):
            yield error(number, f"{setting}: {path!r} is not callable.", "Name a callable.")
    except (ImportError, ValueError, TypeError) as reason:
        yield error(
            number,
            f"{setting} {path!r} cannot be imported: {reason}.",
            "Check the spelling of the dotted path.",
        )


def engine() -> ModuleType | None:
    """None: it cannot be imported, or not be made of these settings, which is said elsewhere."""
    with suppress(ImportError, ValueError):
        return import_module(conf.djangos("SESSION_ENGINE"))
    return None


def session_store() -> type[SessionStore] | None:
    """The engine's, if it is ours."""
    store: Any = getattr(engine(), "SessionStore", object)
    return store if issubclass(store, SessionStore) else None


def alias_is_used() -> bool:
    """Does the Redis engine connect through a cache?"""
    is_redis = conf.djangos("SESSION_ENGINE") == f"{ENGINES}redis"
    return is_redis and conf.get("MULTISESSION_REDIS_URL") is None


def session_middleware() -> list[type]:
    """For each session middleware in MIDDLEWARE whose it is, subclasses of a project's included."""
    kinds: list[type] = []
    for path in conf.djangos("MIDDLEWARE"):
        with suppress(ImportError):  # Django will say so
            kind = conf.imported(path)
            mro = kind.__mro__ if isinstance(kind, type) else ()
            kinds += [k for k in mro if k in (SessionMiddleware, DjangosMiddleware)][:1]
    return kinds
