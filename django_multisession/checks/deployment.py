"""What is wrong in production: ``manage.py check --deploy``."""

from __future__ import annotations

from django.apps import apps

from .. import conf, engine
from .common import Messages, warning


def _secure_cookie() -> Messages:
    if _django_is_silent() and conf.django_setting("SESSION_COOKIE_SECURE") is not True:
        hint = "Set SESSION_COOKIE_SECURE = True."
        yield warning(10, "The session cookie is sent over plain HTTP, where it is seen.", hint)


def _http_only_cookie() -> Messages:
    if _django_is_silent() and conf.django_setting("SESSION_COOKIE_HTTPONLY") is not True:
        hint = "Set SESSION_COOKIE_HTTPONLY = True."
        yield warning(11, "Scripts can read the session cookie.", hint)


def _serializer() -> Messages:
    name = conf.django_setting("SESSION_SERIALIZER")
    if "pickle" in name.lower():
        text = f"SESSION_SERIALIZER {name!r}: who can write to the storage can run code."
        yield warning(12, text, "Use django.contrib.sessions.serializers.JSONSerializer.")


def _memory() -> Messages:
    if conf.django_setting("SESSION_ENGINE") == f"{engine.BACKENDS}memory":
        text = "Sessions are kept in the memory of each process, and end with it."
        yield warning(13, text, f"Set SESSION_ENGINE to {engine.BACKENDS}db, for example.")


def _shared_cache() -> Messages:
    if engine.uses_redis_alias() and conf.get("MULTISESSION_REDIS_ALIAS") == "default":
        text = "Sessions share a database with the default cache: cache.clear() ends them all."
        hint = "Name a cache of another database number in MULTISESSION_REDIS_ALIAS, or set "
        yield warning(14, text, hint + "MULTISESSION_REDIS_URL.")


def _django_is_silent() -> bool:
    """Its own cookie checks look for its own app and middleware only."""
    ours_in_use = engine.OUR_MIDDLEWARE in engine.middleware()
    return ours_in_use and not apps.is_installed("django.contrib.sessions")


CHECKS = (_secure_cookie, _http_only_cookie, _serializer, _memory, _shared_cache)
