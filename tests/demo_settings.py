"""The demo's settings, but that a login takes a millisecond, not a second, and that browsers choose
the language. Where CACHED_DB is the URL of a Redis, Django's engine is cached_db, and caches there.
"""

import os

from settings import *  # noqa: F403
from settings import MIDDLEWARE, MULTISESSION_MIGRATE_FROM, SESSION_ENGINE

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [*MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]

if "CACHED_DB" in os.environ:
    djangos, cached = (f"django.contrib.sessions.backends.{name}" for name in ("db", "cached_db"))
    SESSION_ENGINE, *MULTISESSION_MIGRATE_FROM = (
        cached if engine == djangos else engine
        for engine in (SESSION_ENGINE, *MULTISESSION_MIGRATE_FROM)
    )
    cache = "django.core.cache.backends.redis.RedisCache"
    CACHES = {"default": {"BACKEND": cache, "LOCATION": os.environ["CACHED_DB"]}}
