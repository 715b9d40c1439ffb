"""One system check for every way to get the settings wrong. Each has an id of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.sessions.middleware import SessionMiddleware as DjangosMiddleware
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from . import conf
from .expiry import LONG
from .middleware import SessionMiddleware
from .session import SessionStore

ENGINES = "django_multisession.backends."
OURS = "django_multisession.middleware.SessionMiddleware"
DJANGOS = "django.contrib.sessions.middleware.SessionMiddleware"

Messages = Iterator[CheckMessage]


def _all(checks: Iterable[Callable[[], Messages]]) -> list[CheckMessage]:
    return [message for check in checks for message in check()]


@register(Tags.security)
def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """What is wrong wherever it runs."""
    checks = (_engine, _references, _ttl, _absolute_age, _touch_interval, _database, _client_ip)
    return _all([*checks, _middleware, _names])


@register(Tags.security, deploy=True)
def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """What is wrong in production: ``manage.py check --deploy``."""
    return _all([_secure_cookie, _http_only_cookie, _serializer, _memory])


def _engine() -> Messages:
    engine = conf.djangos("SESSION_ENGINE")
    if engine.startswith("django_multisession") and not engine.startswith(ENGINES):
        yield _error(1, f"SESSION_ENGINE {engine!r} is no engine.", f"Try {ENGINES}db.")
    elif engine.startswith(ENGINES):
        try:
            import_module(engine)
        except ImportError as error:
            hint = f"Check the name ({ENGINES}db, for example) and install what the engine needs."
            yield _error(1, f"SESSION_ENGINE {engine!r} cannot be imported: {error}.", hint)


def _references() -> Messages:
    sources = conf.get("MULTISESSION_REFERENCES")
    if not isinstance(sources, dict):
        hint = 'For example {"user": "_auth_user_id", "org": "org_id"}.'
        yield _error(2, "MULTISESSION_REFERENCES must be a dict.", hint)
        return
    for name, source in sources.items():
        setting = f"MULTISESSION_REFERENCES[{name!r}]"
        if not (isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name)):
            hint = "Use lower-case letters, digits and underscores, 50 at most."
            yield _error(3, f"{setting}: this is no name for a reference.", hint)
        if not isinstance(source, str):
            hint = "Name a field of the session, or the dotted path of a callable(fields)."
            yield _error(4, f"{setting} must be text, not {source!r}.", hint)
        elif "." in source:
            yield from _importable(5, setting, source)


def _ttl() -> Messages:
    ttl = conf.get("MULTISESSION_TTL")
    if isinstance(ttl, str):
        yield from _importable(6, "MULTISESSION_TTL", ttl)
    elif ttl is not None and not _is_duration(ttl):
        hint = "Set seconds, a timedelta, the dotted path of a callable(session), or None."
        yield _error(7, f"MULTISESSION_TTL {ttl!r} is no time of a second or more.", hint)


def _absolute_age() -> Messages:
    age = conf.get("MULTISESSION_ABSOLUTE_AGE")
    if age is not None and not _is_duration(age):
        hint = "Set seconds, a timedelta, or None for no absolute end."
        yield _error(8, f"MULTISESSION_ABSOLUTE_AGE {age!r} is no time of a second or more.", hint)


def _touch_interval() -> Messages:
    interval = conf.get("MULTISESSION_TOUCH_INTERVAL")
    if interval is not None and not _is_duration(interval):
        hint = "Set seconds, a timedelta, or None to never write when a session was last seen."
        yield _error(
            9, f"MULTISESSION_TOUCH_INTERVAL {interval!r} is no time of a second or more.", hint
        )


def _database() -> Messages:
    alias = conf.database()
    known = conf.djangos("DATABASES")
    if alias is not None and alias not in list(known):
        hint = f"Use one of {', '.join(map(repr, known))}, or None to ask the database routers."
        yield _error(10, f"MULTISESSION_DATABASE {alias!r} is not in DATABASES.", hint)


def _client_ip() -> Messages:
    path = conf.get("MULTISESSION_CLIENT_IP")
    if isinstance(path, str) and "." in path:
        yield from _importable(11, "MULTISESSION_CLIENT_IP", path)
    else:
        hint = "Set the dotted path of a callable(request) that returns an address or None."
        yield _error(11, f"MULTISESSION_CLIENT_IP {path!r} is no dotted path.", hint)


def _middleware() -> Messages:
    kinds = _session_middleware()
    engine_is_ours = _engine_is_ours()
    if len(kinds) > 1:
        text = "MIDDLEWARE holds more than one session middleware: sessions would be saved twice."
        yield _error(12, text, f"Keep {OURS} and remove the others.")
    elif SessionMiddleware in kinds and engine_is_ours is False:
        text = f"{OURS} in MIDDLEWARE works with the engines of django_multisession only."
        yield _error(13, text, f"Set SESSION_ENGINE to {ENGINES}db, or use {DJANGOS}.")
    elif DjangosMiddleware in kinds and engine_is_ours:
        text = "MIDDLEWARE holds Django's session middleware: sessions know neither address nor "
        text += "device, and are not touched."
        yield _warning(1, text, f"Put {OURS} in the place of {DJANGOS}.")
    elif not kinds and engine_is_ours:
        text = "MIDDLEWARE holds no session middleware: requests have no session."
        yield _warning(3, text, f"Add {OURS} before what needs request.session.")


def _names() -> Messages:
    for name in conf.written():
        if name not in conf.DEFAULTS:
            likely = get_close_matches(name, conf.DEFAULTS, 1) or ["the README for their names"]
            yield _warning(2, f"There is no setting {name}.", f"See {likely[0]}.")


def _secure_cookie() -> Messages:
    if _django_is_silent() and conf.djangos("SESSION_COOKIE_SECURE") is not True:
        hint = "Set SESSION_COOKIE_SECURE = True."
        yield _warning(10, "The session cookie is sent over plain HTTP, where it is seen.", hint)


def _http_only_cookie() -> Messages:
    if _django_is_silent() and conf.djangos("SESSION_COOKIE_HTTPONLY") is not True:
        hint = "Set SESSION_COOKIE_HTTPONLY = True."
        yield _warning(11, "Scripts can read the session cookie.", hint)


def _serializer() -> Messages:
    name = conf.djangos("SESSION_SERIALIZER")
    if "pickle" in name.lower():
        text = f"SESSION_SERIALIZER {name!r}: who can write to the storage can run code."
        yield _warning(12, text, "Use django.contrib.sessions.serializers.JSONSerializer.")


def _memory() -> Messages:
    if conf.djangos("SESSION_ENGINE") == f"{ENGINES}memory":
        text = "Sessions are kept in the memory of each process, and end with it."
        yield _warning(13, text, f"Set SESSION_ENGINE to {ENGINES}db, for example.")


def _django_is_silent() -> bool:
    """Its own cookie checks look for its own app and middleware only."""
    ours_in_use = SessionMiddleware in _session_middleware()
    return ours_in_use and not apps.is_installed("django.contrib.sessions")


def _session_middleware() -> list[type]:
    """For each session middleware in MIDDLEWARE whose it is, subclasses of a project's included."""
    kinds: list[type] = []
    for path in conf.djangos("MIDDLEWARE"):
        with suppress(ImportError):  # Django will say so
            kind = conf.imported(path)
            mro = kind.__mro__ if isinstance(kind, type) else ()
            kinds += [k for k in mro if k in (SessionMiddleware, DjangosMiddleware)][:1]
    return kinds


def _engine_is_ours() -> bool | None:
    """None: it cannot be imported, which is said elsewhere."""
    try:
        engine = import_module(conf.djangos("SESSION_ENGINE"))
    except ImportError:
        return None
    return issubclass(getattr(engine, "SessionStore", object), SessionStore)


def _is_duration(value: object) -> bool:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return type(value) in (int, float) and 1 <= value <= LONG  # type: ignore[operator]


def _importable(number: int, setting: str, path: str) -> Messages:
    try:
        if not callable(conf.imported(path)):
            yield _error(number, f"{setting}: {path!r} is not callable.", "Name a callable.")
    except (ImportError, ValueError, TypeError) as error:
        yield _error(
            number,
            f"{setting} {path!r} cannot be imported: {error}.",
            "Check the spelling of the dotted path.",
        )


def _error(number: int, message: str, hint: str) -> CheckMessage:
    return Error(message, hint=hint, id=f"multisession.E{number:03}")


def _warning(number: int, message: str, hint: str) -> CheckMessage:
    return Warning(message, hint=hint, id=f"multisession.W{number:03}")
