"""Checks of the settings of this package, apart from the engine's."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from .. import conf, engine
from ..core.expiry import LONG
from .common import Messages, error, importable, warning

FLAGS = (
    "MULTISESSION_DYNAMODB_CONSISTENT_READ",
    "MULTISESSION_KEEP_EXPIRED",
    "MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE",
)


def _references() -> Messages:
    sources = conf.get("MULTISESSION_REFERENCES")
    if not isinstance(sources, dict):
        hint = 'For example {"user": "_auth_user_id", "org": "org_id"}.'
        yield error(2, "MULTISESSION_REFERENCES must be a dict of names and sources.", hint)
        return
    for name, source in sources.items():
        setting = f"MULTISESSION_REFERENCES[{name!r}]"
        if not (isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name)):
            hint = (
                "Use up to 50 lower-case letters, digits and underscores, beginning with a letter."
            )
            yield error(3, f"{setting} is not a valid name of a reference.", hint)
        if not isinstance(source, str):
            hint = "Name a field of the session, or the dotted path of a callable(fields)."
            yield error(4, f"{setting} must be a string, not {source!r}.", hint)
        elif "." in source:
            yield from importable(5, setting, source)


def _ttl() -> Messages:
    ttl = conf.get("MULTISESSION_TTL")
    if isinstance(ttl, str):
        yield from importable(6, "MULTISESSION_TTL", ttl)
    elif ttl is not None and (rule := _broken_rule(ttl)):
        hint = "Set seconds, a timedelta, the dotted path of a callable(session), or None."
        yield error(7, f"MULTISESSION_TTL must be {rule}, not {ttl!r}.", hint)


def _absolute_age() -> Messages:
    age = conf.get("MULTISESSION_ABSOLUTE_AGE")
    if age is not None and (rule := _broken_rule(age)):
        hint = "Set seconds, a timedelta, or None for no absolute lifetime."
        yield error(8, f"MULTISESSION_ABSOLUTE_AGE must be {rule}, not {age!r}.", hint)


def _touch_interval() -> Messages:
    interval = conf.get("MULTISESSION_TOUCH_INTERVAL")
    if interval is not None and (rule := _broken_rule(interval)):
        hint = "Set seconds, a timedelta, or None to never record when a session was last used."
        yield error(9, f"MULTISESSION_TOUCH_INTERVAL must be {rule}, not {interval!r}.", hint)


def _database() -> Messages:
    alias = conf.database()
    known = conf.django_setting("DATABASES")
    if alias is not None and alias not in list(known):
        hint = f"Use one of {', '.join(map(repr, known))}, or None to ask the database routers."
        yield error(10, f"MULTISESSION_DATABASE {alias!r} is not in DATABASES.", hint)


def _key_prefix() -> Messages:
    prefix = conf.get("MULTISESSION_REDIS_KEY_PREFIX")
    if not (isinstance(prefix, str) and re.fullmatch(r"[A-Za-z0-9._:-]{1,50}", prefix)):
        # Braces would put every key of a cluster into one slot.
        hint = "Use up to 50 letters, digits and . _ : -."
        yield error(15, f"MULTISESSION_REDIS_KEY_PREFIX {prefix!r} is not a valid prefix.", hint)


def _redis_alias() -> Messages:
    alias, known = conf.get("MULTISESSION_REDIS_ALIAS"), conf.django_setting("CACHES")
    if not isinstance(alias, str):
        yield error(
            16, f"MULTISESSION_REDIS_ALIAS must be a string, not {alias!r}.", "Name one of CACHES."
        )
    elif alias not in known:
        hint = f"Use one of {', '.join(map(repr, known))}, or set MULTISESSION_REDIS_URL."
        yield error(16, f"MULTISESSION_REDIS_ALIAS {alias!r} is not in CACHES.", hint)
    elif engine.uses_redis_alias() and not hasattr(_cache_class(known[alias]), "client"):
        hint = "Use a cache whose BACKEND is django_redis.cache.RedisCache, or set "
        text = f"MULTISESSION_REDIS_ALIAS {alias!r} is not a cache of django-redis."
        yield error(16, text, hint + "MULTISESSION_REDIS_URL.")


def _redis_url() -> Messages:
    """Check the type only: the engine parses the URL, and E014 reports what it finds."""
    url = conf.get("MULTISESSION_REDIS_URL")
    if url is not None and not isinstance(url, str):
        hint = 'For example "redis://127.0.0.1:6379/0", or None to use MULTISESSION_REDIS_ALIAS.'
        yield error(17, "MULTISESSION_REDIS_URL must be a string.", hint)


def _redis_options() -> Messages:
    if not isinstance(conf.get("MULTISESSION_REDIS_OPTIONS"), dict):
        hint = 'Set arguments of the client, for example {"socket_timeout": 1}.'
        yield error(18, "MULTISESSION_REDIS_OPTIONS must be a dict.", hint)


def _dynamodb_table() -> Messages:
    name = conf.get("MULTISESSION_DYNAMODB_TABLE")
    if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]{3,255}", name)):
        hint = "Use 3 to 255 letters, digits and . _ -, the names that DynamoDB allows."
        yield error(21, f"MULTISESSION_DYNAMODB_TABLE {name!r} is not a valid table name.", hint)


def _dynamodb_options() -> Messages:
    """Check the type only: the engine checks the arguments, and E014 reports what it finds."""
    if not isinstance(conf.get("MULTISESSION_DYNAMODB_OPTIONS"), dict):
        hint = 'Set arguments of boto3.client, for example {"region_name": "eu-central-1"}.'
        yield error(22, "MULTISESSION_DYNAMODB_OPTIONS must be a dict.", hint)


def _flags() -> Messages:
    for name in FLAGS:
        if not isinstance(value := conf.get(name), bool):
            yield error(23, f"{name} must be True or False, not {value!r}.", "Set True or False.")


def _sessions_per_user() -> Messages:
    limit = conf.get("MULTISESSION_SESSIONS_PER_USER")
    if isinstance(limit, str):
        yield from importable(24, "MULTISESSION_SESSIONS_PER_USER", limit)
    elif limit is not None and not (type(limit) is int and limit > 0):
        hint = "Set a number, the dotted path of a callable(user), or None for no limit."
        yield error(25, f"MULTISESSION_SESSIONS_PER_USER must be 1 or more, not {limit!r}.", hint)


def _on_session_limit() -> Messages:
    action = conf.get("MULTISESSION_ON_SESSION_LIMIT")
    if action not in ("end_oldest", "refuse"):
        hint = 'Set "end_oldest" (the least recently active sessions end) or "refuse" (the login '
        hint += "fails)."
        yield error(26, f"MULTISESSION_ON_SESSION_LIMIT {action!r} is not a known action.", hint)


def _reauthentication_timeout() -> Messages:
    age = conf.get("MULTISESSION_REAUTHENTICATION_TIMEOUT")
    if age is not None and (rule := _broken_rule(age)):
        hint = "Set seconds, a timedelta, or None to never ask for the password again."
        text = f"MULTISESSION_REAUTHENTICATION_TIMEOUT must be {rule}, not {age!r}."
        yield error(31, text, hint)


def _client_ip() -> Messages:
    path = conf.get("MULTISESSION_CLIENT_IP")
    if isinstance(path, str) and "." in path:
        yield from importable(11, "MULTISESSION_CLIENT_IP", path)
    else:
        hint = "Set the dotted path of a callable(request) that returns an IP address or None."
        yield error(11, f"MULTISESSION_CLIENT_IP {path!r} is not a dotted path.", hint)


def _names() -> Messages:
    for name in conf.defined_names():
        if name not in conf.DEFAULTS:
            similar = get_close_matches(name, conf.DEFAULTS, 1)
            hint = "Correct or remove it; the README lists all settings."
            if similar:
                hint = f"Did you mean {similar[0]}?"
            yield warning(2, f"{name} is not a setting of django_multisession.", hint)


def _cache_class(entry: dict[str, Any]) -> object:
    with suppress(ImportError, KeyError):  # Django reports it
        return conf.import_setting(entry["BACKEND"])
    return None


def _broken_rule(duration: object) -> str | None:
    """Return what a duration must be and is not, or None if it is valid.

    A duration is a timedelta or a number of seconds, from one second up to LONG.
    """
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if type(seconds) not in (int, float):
        return "a duration"
    if not seconds >= 1:  # type: ignore[operator]  # true of NaN as well
        return "at least one second"
    if seconds > LONG:  # type: ignore[operator]
        return f"at most {LONG:,} seconds (317 years)"
    return None


CHECKS = (
    *(_references, _ttl, _absolute_age, _touch_interval, _database, _client_ip, _names),
    *(_key_prefix, _redis_alias, _redis_url, _redis_options),
    *(_dynamodb_table, _dynamodb_options, _flags),
    *(_sessions_per_user, _on_session_limit, _reauthentication_timeout),
)
