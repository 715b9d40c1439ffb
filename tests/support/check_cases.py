"""Settings, right and wrong, for the tests of the system checks, and what those tests share."""

from __future__ import annotations

import ast
from pathlib import Path
from types import ModuleType
from typing import Any

from django.core import checks

from django_multisession.engine import BACKENDS, DJANGO_MIDDLEWARE, OUR_MIDDLEWARE
from django_multisession.middleware import SessionMiddleware

A_FUNCTION = f"{__name__}.a_function"
NO_FUNCTION = f"{__name__}.NO_FUNCTION"
PROJECTS_MIDDLEWARE = f"{__name__}.ProjectsMiddleware"
DJANGOS_ENGINE = "django.contrib.sessions.backends.db"
CACHE_ENGINE = "django.contrib.sessions.backends.cache"
PICKLE = "django.contrib.sessions.serializers.PickleSerializer"

# Settings of a correct project. Each row of the tables in the tests replaces some of them.
FINE = {
    "SESSION_ENGINE": f"{BACKENDS}db",
    "SESSION_SERIALIZER": "django.contrib.sessions.serializers.JSONSerializer",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "MIDDLEWARE": [OUR_MIDDLEWARE],
}

LOCMEM = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
DJANGO_REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1"}
REDIS = {"SESSION_ENGINE": f"{BACKENDS}redis"}
BY_ALIAS = REDIS | {"MULTISESSION_REDIS_ALIAS": "other"}
BY_URL = REDIS | {"MULTISESSION_REDIS_URL": "redis://127.0.0.1"}
DYNAMODB = {"SESSION_ENGINE": f"{BACKENDS}dynamodb"}

NO_MIDDLEWARE: dict[str, Any] = {"MIDDLEWARE": []}
DJANGOS_OWN = {"MIDDLEWARE": [DJANGO_MIDDLEWARE], "SESSION_ENGINE": DJANGOS_ENGINE}

LEVELS = {"E": checks.ERROR, "W": checks.WARNING}
KINDS = {"error": "E", "importable": "E", "warning": "W"}


class ProjectsMiddleware(SessionMiddleware):
    """A middleware of a project, derived from the package's."""


def a_function(argument: Any) -> None:
    """The callable that settings name by its dotted path."""


def assert_mistake(messages: list[checks.CheckMessage], id: str, look_for: str) -> None:
    """Assert that the only message has this id, its level, and this text in message or hint."""
    (message,) = messages
    assert message.id == f"multisession.{id}"
    assert message.level == LEVELS[id[0]]
    assert look_for in f"{message.msg} {message.hint}"
    assert message.msg.strip()
    assert message.hint is not None
    assert message.hint.strip()


def ids_in(module: ModuleType) -> dict[str, set[str]]:
    """Return the ids in a module's source, each with the check functions that give it."""
    functions: dict[str, set[str]] = {}
    for function in ast.parse(Path(str(module.__file__)).read_text()).body:
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in KINDS:
                kind, number = KINDS[call.func.id], call.args[0]  # type: ignore[attr-defined]
                if isinstance(number, ast.Constant):
                    id = f"{kind}{number.value:03}"
                    functions.setdefault(id, set()).add(function.name)  # type: ignore[attr-defined]
    return functions
