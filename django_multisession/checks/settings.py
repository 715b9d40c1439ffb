"""What is wrong with a setting of ours, wherever the project runs."""

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
        yield error(2, "MULTISESSION_REFERENCES must be a dict.", hint)
        return
    for name, source in sources.items():
        setting = f"MULTISESSION_REFERENCES[{name!r}]"
        if not (isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]{0,49}", name)):
            hint = "Use lower-case letters, digits and underscores, 50 at most."
            yield error(3, f"{setting}: this is no name for a reference.", hint)
        if not isinstance(source, str):
            hint = "Name a field of the session, or the dotted path of a callable(fields)."
            yield error(4, f"{setting} must be text, not {source!r}.", hint)
        elif "." in source:
            yield from importable(5, setting, source)


def _ttl() -> Messages:
    ttl = conf.get("MULTISESSION_TTL")
    if isinstance(ttl, str):
        yield from importable(6, "MULTISESSION_TTL", ttl)
    elif ttl is not None and not _is_duration(ttl):
        hint = "Set seconds, a timedelta, the dotted path of a callable(session), or None."
        yield error(7, f"MULTISESSION_TTL {ttl!r} is no time of a second or more.", hint)


def _absolute_age() -> Messages:
    age = conf.get("MULTISESSION_ABSOLUTE_AGE")
    if age is not None and not _is_duration(age):
        hint = "Set seconds, a timedelta, or None for no absolute end."
        yield error(8, f"MULTISESSION_ABSOLUTE_AGE {age!r} is no time of a second or more.", hint)


def _touch_interval() -> Messages:
    interval = conf.get("MULTISESSION_TOUCH_INTERVAL")
    if interval is not None and not _is_duration(interval):
        hint = "Set seconds, a timedelta, or None to never write when a session was last seen."
        yield error(
            9, f"MULTISESSION_TOUCH_INTERVAL {interval!r} is no time of a second or more.", hint
        )


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
        hint = "Use letters, digits and . _ : -, 50 at most."
        yield error(15, f"MULTISESSION_REDIS_KEY_PREFIX {prefix!r} is no prefix.", hint)


def _redis_alias() -> Messages:
    alias, known = conf.get("MULTISESSION_REDIS_ALIAS"), conf.django_setting("CACHES")
    if not isinstance(alias, str):
        yield error(16, f"MULTISESSION_REDIS_ALIAS {alias!r} is no text.", "Name one of CACHES.")
    elif alias not in known:
        hint = f"Use one of {', '.join(map(repr, known))}, or set MULTISESSION_REDIS_URL."
        yield error(16, f"MULTISESSION_REDIS_ALIAS {alias!r} is not in CACHES.", hint)
    elif engine.uses_redis_alias() and not hasattr(_cache_class(known[alias]), "client"):
        hint = "Use one whose BACKEND is django_redis.cache.RedisCache, or set "
        text = f"MULTISESSION_REDIS_ALIAS {alias!r} is no cache of django-redis."
        yield error(16, text, hint + "MULTISESSION_REDIS_URL.")


def _redis_url() -> Messages:
    """Whether it can be read the engine says: see E014."""
    url = conf.get("MULTISESSION_REDIS_URL")
    if url is not None and not isinstance(url, str):
        hint = 'For example "redis://127.0.0.1:6379/0", or None to use MULTISESSION_REDIS_ALIAS.'
        yield error(17, "MULTISESSION_REDIS_URL is no text.", hint)


def _redis_options() -> Messages:
    if not isinstance(conf.get("MULTISESSION_REDIS_OPTIONS"), dict):
        hint = 'Arguments of the client, for example {"socket_timeout": 1}.'
        yield error(18, "MULTISESSION_REDIS_OPTIONS must be a dict.", hint)


def _dynamodb_table() -> Messages:
    name = conf.get("MULTISESSION_DYNAMODB_TABLE")
    if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._-]{3,255}", name)):
        hint = "Use letters, digits and . _ -, 3 to 255, as DynamoDB wants it."
        yield error(21, f"MULTISESSION_DYNAMODB_TABLE {name!r} is no name for a table.", hint)


def _dynamodb_options() -> Messages:
    """Which arguments there are the engine says: see E014."""
    if not isinstance(conf.get("MULTISESSION_DYNAMODB_OPTIONS"), dict):
        hint = 'Arguments of boto3.client, for example {"region_name": "eu-central-1"}.'
        yield error(22, "MULTISESSION_DYNAMODB_OPTIONS must be a dict.", hint)


def _flags() -> Messages:
    for name in FLAGS:
        if not isinstance(value := conf.get(name), bool):
            yield error(23, f"{name} {value!r} says neither yes nor no.", "Set True or False.")


def _sessions_per_user() -> Messages:
    limit = conf.get("MULTISESSION_SESSIONS_PER_USER")
    if isinstance(limit, str):
        yield from importable(24, "MULTISESSION_SESSIONS_PER_USER", limit)
    elif limit is not None and not (type(limit) is int and limit > 0):
        hint = "Set a number, the dotted path of a callable(user), or None for no limit."
        yield error(25, f"MULTISESSION_SESSIONS_PER_USER {limit!r} is no number of sessions.", hint)


def _beyond_limit() -> Messages:
    action = conf.get("MULTISESSION_ON_SESSION_LIMIT")
    if action not in ("end_oldest", "refuse"):
        hint = 'Set "end_oldest" (the least recently active sessions end) or "refuse" (the login '
        hint += "fails)."
        yield error(26, f"MULTISESSION_ON_SESSION_LIMIT {action!r} is neither of the two.", hint)


def _confirm_after() -> Messages:
    age = conf.get("MULTISESSION_REAUTHENTICATION_TIMEOUT")
    if age is not None and not _is_duration(age):
        hint = "Set seconds, a timedelta, or None to ask never."
        text = f"MULTISESSION_REAUTHENTICATION_TIMEOUT {age!r} is no time of a second or more."
        yield error(31, text, hint)


def _client_ip() -> Messages:
    path = conf.get("MULTISESSION_CLIENT_IP")
    if isinstance(path, str) and "." in path:
        yield from importable(11, "MULTISESSION_CLIENT_IP", path)
    else:
        hint = "Set the dotted path of a callable(request) that returns an address or None."
        yield error(11, f"MULTISESSION_CLIENT_IP {path!r} is no dotted path.", hint)


def _names() -> Messages:
    for name in conf.defined_names():
        if name not in conf.DEFAULTS:
            likely = get_close_matches(name, conf.DEFAULTS, 1) or ["the README for their names"]
            yield warning(2, f"There is no setting {name}.", f"See {likely[0]}.")


def _cache_class(entry: dict[str, Any]) -> object:
    with suppress(ImportError, KeyError):  # Django will say so
        return conf.import_setting(entry["BACKEND"])
    return None


def _is_duration(value: object) -> bool:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return type(value) in (int, float) and 1 <= value <= LONG  # type: ignore[operator]


CHECKS = (
    *(_references, _ttl, _absolute_age, _touch_interval, _database, _client_ip, _names),
    *(_key_prefix, _redis_alias, _redis_url, _redis_options),
    *(_dynamodb_table, _dynamodb_options, _flags),
    *(_sessions_per_user, _beyond_limit, _confirm_after),
)
