"""Django's own 65 tests of a session engine, from its source distribution, on the engines."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import django
import pytest

from support import dynamodb_servers, redis_servers, servers
from support.databases import entry_of
from support.subjects import Clock, dynamodb

SETTINGS = """
import pymysql; pymysql.install_as_MySQLdb()
SECRET_KEY = "contract"
DATABASES = {{"default": {database!r}}}
USE_TZ = {use_tz!r}
MULTISESSION_REDIS_KEY_PREFIX = "contract"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "sessions_tests", "django_multisession",
]
"""
CONTRACT = """
from django.test import SimpleTestCase, TestCase
from django_multisession.backends import db, memory
from sessions_tests.tests import SessionTestsMixin

class DatabaseContract(SessionTestsMixin, TestCase):
    backend = db.SessionStore

class MemoryContract(SessionTestsMixin, SimpleTestCase):
    backend = memory.SessionStore
"""
SERVER_CONTRACT = """
from django.test import SimpleTestCase
from django_multisession.backends import {engine}
from sessions_tests.tests import SessionTestsMixin

class Contract(SessionTestsMixin, SimpleTestCase):
    backend = {engine}.SessionStore
"""
TESTS = {"contract": 2 * 65, "contract_of_redis": 65, "contract_of_dynamodb": 65}
IN_MEMORY = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

with_and_without_tz = pytest.mark.parametrize("use_tz", [True, False], ids=["USE_TZ", "no USE_TZ"])


@pytest.fixture(scope="module")
def suite(pytestconfig) -> Path:
    """Return a folder with Django's ``sessions_tests`` and the modules that apply them.

    Django's other tests are left out: its ``tests/`` on the path would shadow other packages.
    """
    folder = pytestconfig.cache.mkdir(f"django-{django.__version__}")
    if not (folder / "sessions_tests").exists():
        _unpack(_download(folder), folder)
    (folder / "contract.py").write_text(CONTRACT)
    for engine in ("redis", "dynamodb"):
        text = SERVER_CONTRACT.format(engine=engine)
        (folder / f"contract_of_{engine}.py").write_text(text)
    return folder


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=django"]
    arguments = [f"--dest={folder}", f"django=={django.__version__}"]
    if subprocess.run([*pip, *arguments], check=False).returncode:
        servers.missing("package index to download Django's tests from")
    return next(folder.glob("[Dd]jango-*.tar.gz"))


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            name = member.name.partition("/")[2].removeprefix("tests/")
            if name.startswith("sessions_tests/") or name == "cache/failing_cache.py":
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(tar.extractfile(member).read())
    archive.unlink()


@pytest.fixture
def run(suite, tmp_path):
    """Return a function that runs Django's tests with given settings in a process of their own."""

    def run(contract: str, database: dict[str, Any], use_tz: bool, **options: Any) -> None:
        settings = SETTINGS.format(database=database, use_tz=use_tz)
        settings += "".join(f"MULTISESSION_{name} = {options[name]!r}\n" for name in options)
        (tmp_path / "contract_settings.py").write_text(settings)
        path = os.pathsep.join([str(tmp_path), str(suite)])
        completed = subprocess.run(
            [sys.executable, "-m", "django", "test", contract, "--noinput"],
            env={**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "contract_settings"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert completed.returncode == 0, completed.stderr
        assert f"Ran {TESTS[contract]} tests" in completed.stderr

    return run


@with_and_without_tz
@pytest.mark.parametrize("alias", ["default", "postgres", "mariadb"])
def test_djangos_own_tests_pass(run, tmp_path, alias, use_tz):
    database = entry_of(alias)
    entry = {name: database[name] for name in ("ENGINE", "HOST", "PORT", "USER", "PASSWORD")}
    entry["NAME"] = f"{tmp_path}/db.sqlite3" if alias == "default" else "multisession"
    entry["TEST"] = {"NAME": f"{database['TEST']['NAME']}_contract"}
    run("contract", entry, use_tz)


@with_and_without_tz
def test_djangos_own_tests_pass_on_redis(run, use_tz):
    run("contract_of_redis", IN_MEMORY, use_tz, REDIS_URL=redis_servers.ALONE.url)


@with_and_without_tz
def test_djangos_own_tests_pass_on_dynamodb(run, use_tz):
    server = dynamodb_servers.MOTO
    storage = dynamodb(server)(Clock())
    options = {"DYNAMODB_TABLE": storage.table.name, "DYNAMODB_OPTIONS": server.options}
    run("contract_of_dynamodb", IN_MEMORY, use_tz, **options)
