"""Helpers that run `manage.py migratesessions` from one engine to another."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import AbstractContextManager
from datetime import datetime, timedelta, timezone
from importlib import import_module
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from django.contrib.sessions.backends.cache import SessionStore as Djangos
from django.core.management import CommandError, call_command

from django_multisession.core import keys
from django_multisession.core.record import Record
from django_multisession.storage.base import Storage
from support.demo_sites import DEADLINE, manage
from support.redis_servers import Node
from support.servers import Lazily

# A Redis with a database for each test; the default number is 16.
SERVER, NUMBERS = Lazily(Node("--databases", 1000)), count()
OURS = "django_multisession.backends."
OUTCOMES = ("moved", "here", "ended", "gone", "failed")


def empty_redis() -> str:
    """Return the URL of an empty database."""
    return f"{SERVER.url}/{next(NUMBERS)}"


class Outcome(NamedTuple):
    out: str
    err: str
    status: int
    error: str  # message of the CommandError, empty if the status is 0

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON object of the first engine; needs --json."""
        return dict(json.loads(self.out.partition("\n")[0]))

    @property
    def counts(self) -> dict[str, int]:
        """The outcomes that are not 0; needs --json."""
        return {name: self.facts[name] for name in OUTCOMES if self.facts[name]}


def migrate(*arguments: str, **options: Any) -> Outcome:
    out, err = StringIO(), StringIO()
    options = {"stdout": out, "stderr": err, "no_color": True, **options}
    status, text = 0, ""
    try:
        call_command("migratesessions", *arguments, **options)
    except CommandError as error:
        status, text = error.returncode, str(error)
    return Outcome(out.getvalue(), err.getvalue(), status, text)


def place(kind: str, storage: Storage, monkeypatch: Any) -> str:
    """Install the storage in an engine of this package. Return the engine's path."""
    engine = f"{OURS}{kind}"
    monkeypatch.setattr(import_module(engine).SessionStore, "storage", storage)
    return engine


def records(storage: Storage) -> dict[str, Record | None]:
    """Return handle -> record with fields, of all sessions."""
    found, cursor = storage.page(None, 100)
    while cursor is not None:
        more, cursor = storage.page(cursor, 100)
        found = [*found, *more]
    return {handle: storage.read(handle) for handle, _ in found}


def fields(storage: Storage, key: str) -> dict[str, Any]:
    """Return the decoded fields of a session, of the JSON serializer."""
    record = storage.read(keys.hash_key(key))
    return {name: json.loads(value) for name, value in record.fields.items()} if record else {}


class Site:
    """A demo whose previous engine is Django's, in an SQLite file."""

    def __init__(self, folder: Path, place: dict[str, str]) -> None:
        self.folder, self.place = folder, {**place, "SESSION_MIGRATE_FROM": "django"}
        with self.start("migrate") as process:
            outcome = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0, outcome

    def start(self, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
        return manage(self.folder, self.place, *arguments)

    def run(self) -> tuple[str, int]:
        with self.start("migratesessions") as process:
            return process.communicate(timeout=DEADLINE)[0], process.returncode

    def fill(self, number: int) -> dict[str, int]:
        """Store sessions in Django's table. Return key -> the number in the field "n"."""
        made = {keys.new_key(): n for n in range(number)}
        end = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(days=14)
        rows = [(key, Djangos().encode({"n": n}), end.isoformat(" ")) for key, n in made.items()]
        into = "INSERT INTO django_session (session_key, session_data, expire_date)"
        base = sqlite3.connect(self._file)
        with base:
            base.executemany(f"{into} VALUES (?, ?, ?)", rows)
        base.close()
        return made

    def left(self) -> set[str]:
        """Return the keys of the sessions left in Django's table."""
        base = sqlite3.connect(self._file)
        found = {key for (key,) in base.execute("SELECT session_key FROM django_session")}
        base.close()
        return found

    @property
    def _file(self) -> Path:
        return self.folder / "demo.sqlite3"
