"""Every setting of this package: its name, its default, its meaning. Nothing else reads settings.

A setting is read when it is first needed and cached until Django reports that a setting changed, so
tests may override settings. The system checks in `checks` report wrong values.
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

from .core.references import Source
from .session.policy import USER_FIELD, Policy

F = TypeVar("F", bound=Callable[..., Any])

# In the order of the README.
DEFAULTS: dict[str, Any] = {
    # The references that sessions are indexed by: reference name -> session field, or dotted path
    # of a callable(session fields) -> text or None.
    "MULTISESSION_REFERENCES": {"user": USER_FIELD},
    # The idle lifetime: seconds, a timedelta, or the dotted path of a callable(session) -> seconds,
    # timedelta or None. None: SESSION_COOKIE_AGE.
    "MULTISESSION_TTL": None,
    # Seconds (or a timedelta) after its creation at which a session ends, whatever its activity.
    "MULTISESSION_ABSOLUTE_AGE": None,
    # Seconds (or a timedelta) between two writes of "last seen". None: never.
    "MULTISESSION_TOUCH_INTERVAL": 60,
    # The engines that sessions were kept in before. A session that this engine does not know is
    # looked for in them, and moved into this one.
    "MULTISESSION_MIGRATE_FROM": [],
    # Does an expired session stay until it is pruned? If not, a request that meets it deletes it.
    "MULTISESSION_KEEP_EXPIRED": False,
    # The number of sessions a user may have, or the dotted path of a callable(user) -> number or
    # None. None: no limit.
    "MULTISESSION_SESSIONS_PER_USER": None,
    # What happens beyond the limit: "end_oldest", the least recently active sessions end, or
    # "refuse", the login fails.
    "MULTISESSION_ON_SESSION_LIMIT": "end_oldest",
    # Does a new password end the user's other sessions at once?
    "MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE": True,
    # Seconds (or a timedelta) after signing in from which signing out another device asks for the
    # password again. None: never.
    "MULTISESSION_REAUTHENTICATION_TIMEOUT": 900,
    # Database alias of the database engine. None asks the routers.
    "MULTISESSION_DATABASE": None,
    # Prefix of all keys in Redis.
    "MULTISESSION_REDIS_KEY_PREFIX": "multisession",
    # Alias of a cache of django-redis whose connections the Redis engine uses.
    "MULTISESSION_REDIS_ALIAS": "default",
    # URL of Redis, in place of an alias: redis://, rediss://, unix://, redis+sentinel://,
    # redis+cluster://.
    "MULTISESSION_REDIS_URL": None,
    # Further arguments of the client that connects to the URL.
    "MULTISESSION_REDIS_OPTIONS": {},
    # The table of the DynamoDB engine; manage.py createsessiontable creates it.
    "MULTISESSION_DYNAMODB_TABLE": "sessions",
    # Arguments of boto3's client: region_name, endpoint_url, config, ...
    "MULTISESSION_DYNAMODB_OPTIONS": {},
    # Are sessions read consistently? If not, a read may miss the latest write, and costs half.
    "MULTISESSION_DYNAMODB_CONSISTENT_READ": True,
    # Dotted path of a callable(request) -> the client's IP address as text, or None.
    "MULTISESSION_CLIENT_IP": "django_multisession.client.remote_addr",
}


_REDIS = ("alias", "url", "options")
_DYNAMODB = ("table", "options", "consistent_read")
_cached: list[Any] = []


def cached_setting(function: F) -> F:
    """Cache a function of settings until a setting changes.

    Looking up an absent setting costs 3 us, on every save.
    """
    cached = lru_cache(maxsize=None)(function)
    _cached.append(cached)
    return cached  # type: ignore[return-value]


@receiver(setting_changed)
def _clear_caches(**kwargs: Any) -> None:
    for function in _cached:
        function.cache_clear()


@cached_setting
def get(name: str) -> Any:
    """Return the setting as the project wrote it, or its default."""
    return getattr(settings, name, DEFAULTS[name])


@cached_setting
def references() -> Mapping[str, Source]:
    """Return reference name -> session field or callable."""
    return {name: _source(source) for name, source in get("MULTISESSION_REFERENCES").items()}


@cached_setting
def policy() -> Policy:
    """Return the rules that session objects follow."""
    ttl = get("MULTISESSION_TTL")
    return Policy(
        references=references(),
        ttl=import_setting(ttl) if isinstance(ttl, str) else ttl,
        absolute_age=absolute_age(),
        touch_interval=_duration(get("MULTISESSION_TOUCH_INTERVAL")),
        keeps_expired=bool(get("MULTISESSION_KEEP_EXPIRED")),
        serializer=serializer(),
    )


@cached_setting
def absolute_age() -> timedelta | None:
    return _duration(get("MULTISESSION_ABSOLUTE_AGE"))


def sessions_per_user(user: Any) -> int | None:
    """Return how many sessions this user may have. None: there is no limit."""
    limit = get("MULTISESSION_SESSIONS_PER_USER")
    return import_setting(limit)(user) if isinstance(limit, str) else limit  # type: ignore[no-any-return]


@cached_setting
def on_session_limit() -> str | None:
    """Return "end_oldest", "refuse", or None if no user has a limit."""
    is_limited = get("MULTISESSION_SESSIONS_PER_USER") is not None
    return get("MULTISESSION_ON_SESSION_LIMIT") if is_limited else None


@cached_setting
def logs_out_on_password_change() -> bool:
    return bool(get("MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE"))


@cached_setting
def reauthentication_timeout() -> timedelta | None:
    return _duration(get("MULTISESSION_REAUTHENTICATION_TIMEOUT"))


@cached_setting
def has_geoip() -> bool:
    """Return whether GEOIP_PATH names a database for Django's GeoIP2."""
    return bool(getattr(settings, "GEOIP_PATH", None))


def database() -> str | None:
    return get("MULTISESSION_DATABASE")  # type: ignore[no-any-return]


def redis() -> dict[str, Any]:
    """Return the arguments of `RedisStorage`."""
    connection = {name: get(f"MULTISESSION_REDIS_{name.upper()}") for name in _REDIS}
    return {**connection, "prefix": get("MULTISESSION_REDIS_KEY_PREFIX")}


def dynamodb() -> dict[str, Any]:
    """Return the arguments of `DynamoDBStorage`."""
    return {name: get(f"MULTISESSION_DYNAMODB_{name.upper()}") for name in _DYNAMODB}


@cached_setting
def client_ip() -> Callable[[HttpRequest], str | None]:
    return import_setting(get("MULTISESSION_CLIENT_IP"))  # type: ignore[no-any-return]


@cached_setting
def serializer() -> Any:
    """Return the class that SESSION_SERIALIZER names."""
    return import_setting(django_setting("SESSION_SERIALIZER"))


def django_setting(name: str) -> Any:
    """Return one of Django's own settings."""
    return getattr(settings, name)


def cookie() -> dict[str, Any]:
    """Return Django's SESSION_COOKIE settings as arguments of ``set_cookie``."""
    names = ("domain", "path", "secure", "httponly", "samesite")
    attributes = {name: django_setting(f"SESSION_COOKIE_{name.upper()}") for name in names}
    return {"key": django_setting("SESSION_COOKIE_NAME"), **attributes}


def channel_layers() -> list[str]:
    """Return the names of the channel layers of Django Channels."""
    return [*(getattr(settings, "CHANNEL_LAYERS", None) or ())]


def defined_names() -> list[str]:
    """Return the names of all MULTISESSION settings that the project defines, misspelt ones too."""
    return [name for name in dir(settings) if name.startswith("MULTISESSION_")]


@cached_setting
def import_setting(path: str) -> Any:
    """Return the object that a dotted path names."""
    return import_string(path)


def _source(source: str) -> Source:
    return import_setting(source) if "." in source else source


def _duration(value: float | timedelta | None) -> timedelta | None:
    return timedelta(seconds=value) if isinstance(value, (int, float)) else value
