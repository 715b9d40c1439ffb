"""The environment of a benchmark: the test project, and the servers that the tests start."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "testproject")]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
os.environ["DEBUG"] = "0"
os.environ.setdefault("TOX_ENV_NAME", "bench")  # a part of the names of the databases

import django
from django.conf import settings

from support import redis_servers
from support.databases import SERVERS

# Redis servers by name. A server starts when its URL is first read. Empty if Redis is missing.
REDIS = {"redis": redis_servers.ALONE, "cluster": redis_servers.CLUSTER}
if not shutil.which(redis_servers.BINARY):
    REDIS.clear()


@contextmanager
def databases() -> Iterator[list[str]]:
    """Create the databases with the tables of both engines. Yield their aliases."""
    with tempfile.TemporaryDirectory() as folder:
        found = {alias: server.find() for alias, server in SERVERS.items()}
        settings.DATABASES.update({alias: entry for alias, entry in found.items() if entry})
        settings.DATABASES["default"]["TEST"] = {"NAME": Path(folder) / "bench.sqlite3"}
        settings.INSTALLED_APPS.append("django.contrib.sessions")
        django.setup()
        from django.test.utils import setup_databases, teardown_databases

        made = setup_databases(verbosity=0, interactive=False)
        try:
            yield list(settings.DATABASES)
        finally:
            teardown_databases(made, verbosity=0)
