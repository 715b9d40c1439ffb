"""Every setting: its name, its default and what it means. The only reader of django's settings.

Read when first needed and kept until Django says that a setting changed, so tests may override
them. Wrong values are named by the checks (`checks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.module_loading import import_string

from .references import Source

F = TypeVar("F", bound=Callable[..., Any])

USER_FIELD = "_auth_user_id"  # in which Django's login() keeps the user

# In the order of the README.
DEFAULTS: dict[str, Any] = {
    # Whom sessions are indexed by: reference name -> session field, or dotted path of a
    # callable(session fields) -> text or None.
    "MULTISESSION_REFERENCES": {"user": USER_FIELD},
    # Idle lifetime: seconds, a timedelta, or dotted path of a callable(session) -> seconds,
    # timedelta or None. None: SESSION_COOKIE_AGE.
    "MULTISESSION_TTL": None,
    # Seconds (or a timedelta) after its creation at which a session ends whatever its activity.
    "MULTISESSION_ABSOLUTE_AGE": None,
    # Seconds (or a timedelta) between two writes of "last seen". None: never.
    "MULTISESSION_TOUCH_INTERVAL": 60,
    # Engines that sessions were kept in before. One that is unknown here is looked for there, and
    # moved here.
    "MULTISESSION_MIGRATE_FROM": [],
    # May a session that is over stay until it is purged? Else a request that meets it deletes it.
    "MULTISESSION_KEEP_EXPIRED": False,
    # How many sessions a user may have: a number, or dotted path of a callable(user) -> number or
    # None. None: as many as they like.
    "MULTISESSION_SESSIONS_PER_USER": None,
    # What happens beyond: "end" the least recently active ones, or "refuse" the login.
    "MULTISESSION_BEYOND_LIMIT": "end",
    # Does a new password end the user's other sessions at once?
    "MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE": True,
    # Seconds (or a timedelta) after signing in from which ending a device asks for the password
    # again. None: never.
    "MULTISESSION_CONFIRM_AFTER": 900,
    # Database alias of the database engine. None asks the routers.
    "MULTISESSION_DATABASE": None,
    # What the names of all keys in Redis begin with.
    "MULTISESSION_KEY_PREFIX": "multisession",
    # Alias of a cache of django-redis, whose connections the Redis engine uses.
    "MULTISESSION_REDIS_ALIAS": "default",
    # Where Redis is instead: redis://, rediss://, unix://, redis+sentinel://, redis+cluster://.
    "MULTISESSION_REDIS_URL": None,
    # Further arguments of the client that connects to the URL.
    "MULTISESSION_REDIS_OPTIONS": {},
    # The table of the DynamoDB engine; manage.py createsessiontable makes it.
    "MULTISESSION_DYNAMODB_TABLE": "sessions",
    # Arguments of boto3's client: region_name, endpoint_url, config, ...
    "MULTISESSION_DYNAMODB_OPTIONS": {},
    # Do sessions read what was written a moment ago? Else reading costs half.
    "MULTISESSION_DYNAMODB_CONSISTENT": True,
    # Values of fields whose name holds one of these are hidden in the admin until asked for.
    "MULTISESSION_SECRET_NAMES": [
        *("credential", "csrf", "hash", "key", "passw", "secret", "signature", "token"),
    ],
    # Dotted path of a callable(request) -> text or None.
    "MULTISESSION_CLIENT_IP": "django_multisession.client.remote_addr",
}


_REDIS = ("alias", "url", "options")
_DYNAMODB = ("table", "options", "consistent")
_kept: list[Any] = []


def kept(function: F) -> F:
    """Compute it once: a setting that is absent costs 3 us to look up, on every save."""
    cached = lru_cache(maxsize=None)(function)
    _kept.append(cached)
    return cached  # type: ignore[return-value]


@receiver(setting_changed)
def _forget(**kwargs: Any) -> None:
    for function in _kept:
        function.cache_clear()


@kept
def get(name: str) -> Any:
    """The setting as the project wrote it, or its default."""
    return getattr(settings, name, DEFAULTS[name])


@kept
def references() -> Mapping[str, Source]:
    """Reference name -> session field or callable."""
    return {name: _source(source) for name, source in get("MULTISESSION_REFERENCES").items()}


def idle_age(session: Any) -> float | None:
    """Seconds of inactivity the project grants this session; None leaves it to Django."""
    ttl = get("MULTISESSION_TTL")
    if isinstance(ttl, str):
        ttl = imported(ttl)(session)
    return ttl.total_seconds() if isinstance(ttl, timedelta) else ttl


@kept
def absolute_age() -> timedelta | None:
    return _duration(get("MULTISESSION_ABSOLUTE_AGE"))


@kept
def touch_interval() -> timedelta | None:
    return _duration(get("MULTISESSION_TOUCH_INTERVAL"))


@kept
def keeps_expired() -> bool:
    return bool(get("MULTISESSION_KEEP_EXPIRED"))


def sessions_per_user(user: Any) -> int | None:
    """How many sessions this user may have; None: as many as they like."""
    limit = get("MULTISESSION_SESSIONS_PER_USER")
    return imported(limit)(user) if isinstance(limit, str) else limit  # type: ignore[no-any-return]


@kept
def beyond_limit() -> str | None:
    """ "end", "refuse", or None where nobody has a limit."""
    is_limited = get("MULTISESSION_SESSIONS_PER_USER") is not None
    return get("MULTISESSION_BEYOND_LIMIT") if is_limited else None


@kept
def logs_out_on_password_change() -> bool:
    return bool(get("MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE"))


@kept
def confirm_after() -> timedelta | None:
    return _duration(get("MULTISESSION_CONFIRM_AFTER"))


@kept
def secret_names() -> tuple[str, ...]:
    return tuple(name.casefold() for name in get("MULTISESSION_SECRET_NAMES"))


@kept
def knows_places() -> bool:
    """Does Django's GeoIP2 have a database?"""
    return bool(getattr(settings, "GEOIP_PATH", None))


def database() -> str | None:
    return get("MULTISESSION_DATABASE")  # type: ignore[no-any-return]


def redis() -> dict[str, Any]:
    """The arguments of `RedisStorage`."""
    connection = {name: get(f"MULTISESSION_REDIS_{name.upper()}") for name in _REDIS}
    return {**connection, "prefix": get("MULTISESSION_KEY_PREFIX")}


def dynamodb() -> dict[str, Any]:
    """The arguments of `DynamoDBStorage`."""
    return {name: get(f"MULTISESSION_DYNAMODB_{name.upper()}") for name in _DYNAMODB}


@kept
def client_ip() -> Callable[[HttpRequest], str | None]:
    return imported(get("MULTISESSION_CLIENT_IP"))  # type: ignore[no-any-return]


@kept
def serializer() -> Any:
    """What SESSION_SERIALIZER names."""
    return imported(djangos("SESSION_SERIALIZER"))


def djangos(name: str) -> Any:
    """A setting of Django's own."""
    return getattr(settings, name)


def cookie() -> dict[str, Any]:
    """Django's own SESSION_COOKIE settings, as arguments of ``set_cookie``."""
    names = ("domain", "path", "secure", "httponly", "samesite")
    attributes = {name: djangos(f"SESSION_COOKIE_{name.upper()}") for name in names}
    return {"key": djangos("SESSION_COOKIE_NAME"), **attributes}


def channel_layers() -> list[str]:
    """Their names, of Django Channels."""
    return [*(getattr(settings, "CHANNEL_LAYERS", None) or ())]


def written() -> list[str]:
    """The names of our settings that the project sets, misspelt ones included."""
    return [name for name in dir(settings) if name.startswith("MULTISESSION_")]


@kept
def imported(path: str) -> Any:
    """What a dotted path names."""
    return import_string(path)


def _source(source: str) -> Source:
    return imported(source) if "." in source else source


def _duration(value: float | timedelta | None) -> timedelta | None:
    return timedelta(seconds=value) if isinstance(value, (int, float)) else value
