"""Helpers that run commands, in this process and as a shell runs them."""

from __future__ import annotations

import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management import CommandError, call_command

from support.demo_sites import DEADLINE, MANAGE, environment

HERE = {"SESSION_BACKEND": "db"}  # see demo_sites.PLACES


class Done(NamedTuple):
    """The result of a command: its exit status, its output, and what it wrote to stderr."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(name: str, *arguments: object, **options: Any) -> Done:
    """Run a command in this process. The message of a CommandError is at the end of ``err``."""
    out, err = StringIO(), StringIO()
    words = [str(argument) for argument in arguments]
    try:
        call_command(name, *words, stdout=out, stderr=err, no_color=True, **options)
    except CommandError as error:
        return Done(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
    return Done(0, out.getvalue(), err.getvalue())


def refused(name: str, *arguments: object) -> str:
    """Run a command that fails. Assert that it printed nothing, and return its message."""
    done = run(name, *arguments)
    assert (done.status, done.out) == (1, "")
    return done.err


class Shell:
    """Runs commands of the demo in processes, as a shell does, on a database of its own."""

    def __init__(self, folder: Path, place: dict[str, str] | None = None) -> None:
        self.environment = environment(folder, place or HERE)
        assert self("migrate", "--verbosity", "0") == (0, "", "")

    def __call__(self, *arguments: str, answer: str = "", **variables: str) -> Done:
        """Run a command, in which warnings are errors.

        ``answer``: its input. ``variables``: additional environment variables.
        """
        done = subprocess.run(
            [sys.executable, "-W", "error", MANAGE, *arguments],
            env={**self.environment, **variables},
            input=answer.encode(),
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
        return Done(
            done.returncode,
            done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"),
        )

    def python(self, code: str) -> str:
        """Run Python code that may use ``sessions``. Return its output."""
        line = f"from django_multisession import sessions\n{code}"
        done = self("shell", "--verbosity", "0", "-c", line)
        assert (done.status, done.err) == (0, "")
        return done.out.strip()
