"""The test project, with every database that the tests find, for the time of a benchmark."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "testproject")]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
os.environ["DEBUG"] = "0"

import django
from django.conf import settings

import servers


@contextmanager
def databases(folder: Path) -> Iterator[list[str]]:
    """The aliases of all databases, each with the tables of both engines."""
    settings.DATABASES.update(servers.databases())
    settings.DATABASES["default"]["TEST"] = {"NAME": folder / "bench.sqlite3"}
    settings.INSTALLED_APPS.append("django.contrib.sessions")
    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield list(settings.DATABASES)
    finally:
        teardown_databases(made, verbosity=0)
