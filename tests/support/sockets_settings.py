"""The demo's settings, of a project with WebSockets: Channels, on the Redis that CHANNEL_LAYER
names, or with no channel layer. DATABASES may name another database than SQLite."""

import json
import os

from support.demo_settings import *  # noqa: F403
from support.demo_settings import DATABASES, INSTALLED_APPS

DATABASES = {**DATABASES, **json.loads(os.environ.get("DATABASES", "{}"))}
INSTALLED_APPS = [*INSTALLED_APPS, "channels"]
ROOT_URLCONF = "support.sockets_site"

if url := os.environ.get("CHANNEL_LAYER"):
    # It waits for 5 seconds at a time, which redis-py takes for an outage by default.
    hosts = [{"address": url, "socket_timeout": 20}]
    layer = os.environ.get("LAYER", "core.RedisChannelLayer")
    CHANNEL_LAYERS = {"default": {"BACKEND": f"channels_redis.{layer}", "CONFIG": {"hosts": hosts}}}

# What is logged must be seen, on stderr.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"all": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["all"], "level": "WARNING"},
}
