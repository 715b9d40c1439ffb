"""Helpers that run `clearsessions_multi`, as a call and as a process, and make its sessions."""

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

# The lease of processes without options.
LEASE = keys.hash_key(purpose_of(["django_multisession.backends.db"], None))


class Outcome(NamedTuple):
    """The result of a run: exit status, output and error message."""

    status: int
    stdout: str
    stderr: str
    message: str = ""

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The JSON objects of the output, without the time taken."""
        lines = [json.loads(line) for line in self.stdout.splitlines()]
        assert all(line.pop("seconds") >= 0 for line in lines)
        return lines


def run(*arguments: str, **options: Any) -> Outcome:
    """Run the command in this process. In the output every time is 0.0 s."""
    streams = [StringIO(), StringIO()]
    (stdout, stderr), status, message = streams, 0, ""
    try:
        call_command(COMMAND, *arguments, stdout=stdout, stderr=stderr, no_color=True, **options)
    except CommandError as error:
        status, message = error.returncode, str(error)
    said, complaints = (timeless(stream.getvalue()) for stream in streams)
    return Outcome(status, said, complaints, message)


def timeless(text: str) -> str:
    return re.sub(r"\(\d+\.\d s\)", "(0.0 s)", text)


def facts_of(*arguments: str) -> tuple[int, int]:
    """Run the command on one engine without errors. Return the numbers pruned and ended."""
    outcome = run("--json", *arguments)
    assert (outcome.status, outcome.stderr) == (0, "")
    (facts,) = outcome.facts
    assert (facts["status"], facts["error"]) == ("done", None)
    return facts["pruned"], facts["ended"]


def pruned_lines(*each: tuple[str, int]) -> str:
    """Return the output for engines, given as name and number of expired sessions."""
    texts = [f"{name}: {number:,} expired sessions pruned (0.0 s).\n" for name, number in each]
    return "".join(texts)


# Sessions to prune


def id_of(number: int) -> str:
    """Return an id; successive ids are in different buckets of Redis."""
    return f"{number * 7 % 64:02}{number:041}"


def add(storage: Storage, number: int, end: timedelta, first: int = 0, **facts: Any) -> list[str]:
    """Store sessions that expire ``end`` after the storage's present time. Return their ids."""
    now, ids = storage.clock(), [id_of(first + each) for each in range(number)]
    times = {"created_at": now, "last_seen_at": now, "expires_at": now + end}
    for id in ids:
        assert storage.insert(id, Record(**(times | facts)))
    return ids


def over(storage: Storage, number: int, first: int = 0) -> None:
    """Store sessions that expired hours ago."""
    add(storage, number, AGO, first)


def ids_in(storage: Storage) -> set[str]:
    """Return the ids of live sessions."""
    found, cursor = storage.page(None, 1000)
    assert cursor is None
    return {id for id, _ in found}


def engine(name: str, store: type[Any], monkeypatch: Any) -> type[Any]:
    """Make a module with this ``SessionStore`` importable as an engine."""
    module = ModuleType(name)
    module.SessionStore = store  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)
    return store


@contextmanager
def database(folder: Path, monkeypatch: Any) -> Iterator[Storage]:
    """Make an SQLite database in this folder, for this process and others; see `environment`."""
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


# In a process


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
    """Start a process that is killed at the end. ``quickly``: the margin of its leases is a second
    instead of a minute."""
    program = ["-c", BY_HAND] if quickly else [str(MANAGE)]
    command = [sys.executable, *program, COMMAND, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    popen = subprocess.Popen(command, env=environment, **(pipes | options))
    with killed_at_last(popen) as process:
        yield process


def done(environment: dict[str, str], *arguments: str, **options: Any) -> Outcome:
    """Run a process to its end."""
    with begun(environment, *arguments, **options) as process:
        stdout, stderr = process.communicate(timeout=DEADLINE)
        return Outcome(process.returncode, stdout, stderr)


def ended(process: subprocess.Popen[str], within: float = DEADLINE) -> Outcome:
    """Wait for a process that was asked to end. Return its outcome."""
    begin = time.monotonic()
    stdout, stderr = process.communicate(timeout=DEADLINE)
    assert time.monotonic() - begin < within
    return Outcome(process.returncode, stdout, stderr)
