"""Helpers that run `clearsessions_multi`, in this process and in another, and store sessions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from django_multisession.core import keys
from django_multisession.core.record import Record
from django_multisession.management.commands.clearsessions_multi import purpose_of
from django_multisession.storage.base import Storage
from support.demo_sites import MANAGE, killed_at_last

TESTS = Path(__file__).resolve().parents[1]
DEADLINE = 60  # seconds for a process to write a line or to end
COMMAND = "clearsessions_multi"
AGO = timedelta(hours=-3)
QUICKLY = "from django_multisession.management import scheduler; scheduler.MARGIN = 1"
BY_HAND = f"{QUICKLY}; from django.core.management import *; execute_from_command_line()"

# The name of the lease of processes with --every that are given no engine and no policy.
LEASE = keys.hash_key(purpose_of(["django_multisession.backends.db"], None))


class Outcome(NamedTuple):
    """The result of a run. ``message``: of the CommandError; a process prints it to stderr."""

    status: int
    stdout: str
    stderr: str
    message: str = ""

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The JSON objects that --json printed, without the time taken."""
        lines = [json.loads(line) for line in self.stdout.splitlines()]
        assert all(line.pop("seconds") >= 0 for line in lines)
        return lines


def run(*arguments: str, **options: Any) -> Outcome:
    """Run the command in this process. Every time taken is replaced with 0.0 s in its texts."""
    streams = [StringIO(), StringIO()]
    (stdout, stderr), status, message = streams, 0, ""
    try:
        call_command(COMMAND, *arguments, stdout=stdout, stderr=stderr, no_color=True, **options)
    except CommandError as error:
        status, message = error.returncode, str(error)
    return Outcome(status, *(timeless(stream.getvalue()) for stream in streams), message)


def timeless(text: str) -> str:
    """Replace every time taken with 0.0 s."""
    return re.sub(r"\(\d+\.\d s\)", "(0.0 s)", text)


def facts_of(*arguments: str) -> tuple[int, int]:
    """Run the command on one engine, to its end. Return the numbers pruned and ended."""
    outcome = run("--json", *arguments)
    assert (outcome.status, outcome.stderr) == (0, "")
    (facts,) = outcome.facts
    assert (facts["status"], facts["error"]) == ("done", None)
    return facts["pruned"], facts["ended"]


def pruned_lines(*counts: tuple[str, int]) -> str:
    """Return the output for these engines and numbers of expired sessions, none of which is 1."""
    texts = [f"{name}: {number:,} expired sessions pruned (0.0 s).\n" for name, number in counts]
    return "".join(texts)


# Sessions to prune


def id_of(number: int) -> str:
    """Return an id; successive ids are in different buckets of Redis."""
    return f"{number * 7 % 64:02}{number:041}"


def add(storage: Storage, number: int, end: timedelta, first: int = 0, **facts: Any) -> list[str]:
    """Store ``number`` sessions that expire ``end`` after the time of the storage's clock.

    ``first``: the number of the first id. Return the ids.
    """
    now, ids = storage.clock(), [id_of(first + offset) for offset in range(number)]
    times = {"created_at": now, "last_seen_at": now, "expires_at": now + end}
    for id in ids:
        assert storage.insert(id, Record(**(times | facts)))
    return ids


def over(storage: Storage, number: int, first: int = 0) -> None:
    """Store ``number`` sessions that expired three hours ago."""
    add(storage, number, AGO, first)


def ids_in(storage: Storage) -> set[str]:
    """Return the ids of all live sessions, of which there are less than 1000."""
    found, cursor = storage.page(None, 1000)
    assert cursor is None
    return {id for id, _ in found}


def engine(name: str, store: type[Any], monkeypatch: Any) -> type[Any]:
    """Make a module with this ``SessionStore`` importable as an engine. Return the class."""
    module = ModuleType(name)
    module.SessionStore = store  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    return store


@contextmanager
def database(folder: Path, monkeypatch: Any) -> Iterator[Storage]:
    """Make an SQLite database in this folder. Yield a storage in it, as this process sees it.

    Other processes are given its path: ``environment(SQLITE=str(folder / "db"))``.
    """
    from django_multisession.storage.db import DatabaseStorage

    options = settings.DATABASES["default"]["OPTIONS"]
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db", "OPTIONS": options}
    monkeypatch.setitem(settings.DATABASES, "pruned", entry)
    connections.__dict__.pop("settings", None)
    call_command("migrate", "django_multisession", database="pruned", verbosity=0)
    yield DatabaseStorage(database="pruned")
    connections["pruned"].close()
    del connections["pruned"]
    connections.__dict__.pop("settings", None)


# In another process


def environment(**further: str) -> dict[str, str]:
    """Return the environment of a process with the settings of `migrated_settings`."""
    paths = filter(None, [str(TESTS), str(MANAGE.parent), os.environ.get("PYTHONPATH")])
    project = {
        "DJANGO_SETTINGS_MODULE": "support.migrated_settings",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    inherited = {n: v for n, v in os.environ.items() if n != "PYTHONUNBUFFERED"}
    return {**inherited, **project, **further}


@contextmanager
def begun(
    environment: dict[str, str], *arguments: str, quickly: bool = False, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start a process, and kill it at the end if it still runs.

    ``quickly``: another instance may take over a second after the process has missed its turn,
    instead of a minute.
    """
    program = ["-c", BY_HAND] if quickly else [str(MANAGE)]
    command = [sys.executable, *program, COMMAND, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    popen = subprocess.Popen(command, env=environment, **(pipes | options))
    with killed_at_last(popen) as process:
        yield process


def done(environment: dict[str, str], *arguments: str, **options: Any) -> Outcome:
    """Run a process until it ends by itself. Return its outcome."""
    with begun(environment, *arguments, **options) as process:
        stdout, stderr = process.communicate(timeout=DEADLINE)
        return Outcome(process.returncode, stdout, stderr)


def ended(process: subprocess.Popen[str], within: float = DEADLINE) -> Outcome:
    """Wait for a process that was asked to end, and return its outcome.

    ``within``: the number of seconds that this may take.
    """
    begin = time.monotonic()
    stdout, stderr = process.communicate(timeout=DEADLINE)
    assert time.monotonic() - begin < within
    return Outcome(process.returncode, stdout, stderr)
