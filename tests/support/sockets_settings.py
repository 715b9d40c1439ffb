"""The demo's settings with Channels, on the Redis of CHANNEL_LAYER or without a layer.

DATABASES may name another database than SQLite.
"""

import json
import os

from support.demo_settings import *  # noqa: F403
from support.demo_settings import DATABASES, INSTALLED_APPS

DATABASES = {**DATABASES, **json.loads(os.environ.get("DATABASES", "{}"))}
INSTALLED_APPS = [*INSTALLED_APPS, "channels"]
ROOT_URLCONF = "support.sockets_site"

if url := os.environ.get("CHANNEL_LAYER"):
    # The layer waits 5 seconds at a time, which redis-py takes for an outage by default.
    hosts = [{"address": url, "socket_timeout": 20}]
    layer = os.environ.get("LAYER", "core.RedisChannelLayer")
    CHANNEL_LAYERS = {"default": {"BACKEND": f"channels_redis.{layer}", "CONFIG": {"hosts": hosts}}}

# Logs must go to stderr, which the tests read.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"all": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["all"], "level": "WARNING"},
}
