"""Settings of the demo after a move between engines; the environment names the databases."""

import json
import os

from settings import *  # noqa: F403
from settings import DATABASES, SESSION_ENGINE

DATABASES = {**DATABASES, **json.loads(os.environ.get("DATABASES", "{}"))}
SESSION_ENGINE = os.environ.get("ENGINE", SESSION_ENGINE)
MULTISESSION_MIGRATE_FROM = json.loads(os.environ.get("SOURCES", "[]"))
MULTISESSION_REDIS_URL = os.environ.get("MULTISESSION_REDIS_URL")
SESSION_FILE_PATH = os.environ.get("FILES")
