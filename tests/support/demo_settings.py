"""The settings of the demo with a fast password hasher.

Environment variables: if CACHED_DB is the URL of a Redis, Django's engine is cached_db with this
cache. If FRAME is "own", the pages of devices use the base template of the package instead of the
demo's.
"""

import os
from pathlib import Path

import django_multisession
from settings import *  # noqa: F403
from settings import MULTISESSION_MIGRATE_FROM, SESSION_ENGINE, TEMPLATES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if os.environ.get("FRAME") == "own":
    (package,) = django_multisession.__path__
    TEMPLATES[0]["DIRS"].insert(0, Path(package) / "templates")

if "CACHED_DB" in os.environ:
    uncached, cached = (f"django.contrib.sessions.backends.{name}" for name in ("db", "cached_db"))
    SESSION_ENGINE, *MULTISESSION_MIGRATE_FROM = (
        cached if engine == uncached else engine
        for engine in (SESSION_ENGINE, *MULTISESSION_MIGRATE_FROM)
    )
    cache = "django.core.cache.backends.redis.RedisCache"
    CACHES = {"default": {"BACKEND": cache, "LOCATION": os.environ["CACHED_DB"]}}
