"""Checks for production: ``manage.py check --deploy``."""

from __future__ import annotations

from django.apps import apps

from .. import conf, engine
from .common import Messages, warning


def _secure_cookie() -> Messages:
    if _django_is_silent() and conf.django_setting("SESSION_COOKIE_SECURE") is not True:
        hint = "Set SESSION_COOKIE_SECURE = True."
        yield warning(
            10, "The session cookie is also sent over plain HTTP, where others can read it.", hint
        )


def _http_only_cookie() -> Messages:
    if _django_is_silent() and conf.django_setting("SESSION_COOKIE_HTTPONLY") is not True:
        hint = "Set SESSION_COOKIE_HTTPONLY = True."
        yield warning(11, "Scripts can read the session cookie.", hint)


def _serializer() -> Messages:
    name = conf.django_setting("SESSION_SERIALIZER")
    if "pickle" in name.lower():
        text = f"SESSION_SERIALIZER {name!r} lets anybody who can write to the storage run code."
        yield warning(12, text, "Set it to django.contrib.sessions.serializers.JSONSerializer.")


def _memory() -> Messages:
    if conf.django_setting("SESSION_ENGINE") == f"{engine.BACKENDS}memory":
        text = (
            "Sessions are kept in the memory of each process: other processes do not see them, and "
        )
        text += "they are lost when it ends."
        yield warning(13, text, f"Set SESSION_ENGINE to {engine.BACKENDS}db, for example.")


def _shared_cache() -> Messages:
    if engine.uses_redis_alias() and conf.get("MULTISESSION_REDIS_ALIAS") == "default":
        text = (
            "Sessions share a Redis database with the default cache: cache.clear() ends them all."
        )
        hint = "Set MULTISESSION_REDIS_ALIAS to a cache with another database number, or set "
        yield warning(14, text, hint + "MULTISESSION_REDIS_URL.")


def _django_is_silent() -> bool:
    """Return whether Django skips its cookie checks: it runs them only for its own session app."""
    ours_in_use = engine.OUR_MIDDLEWARE in engine.middleware()
    return ours_in_use and not apps.is_installed("django.contrib.sessions")


CHECKS = (_secure_cookie, _http_only_cookie, _serializer, _memory, _shared_cache)
