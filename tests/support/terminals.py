"""Commands as people run them: in this process, and from a shell."""

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
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def run(name: str, *arguments: object, **options: Any) -> Done:
    """In this process. What it fails with stands at the end of ``err``."""
    out, err = StringIO(), StringIO()
    words = [str(argument) for argument in arguments]
    try:
        call_command(name, *words, stdout=out, stderr=err, no_color=True, **options)
    except CommandError as error:
        return Done(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
    return Done(0, out.getvalue(), err.getvalue())


def refused(outages: Any, name: str, *arguments: object) -> str:
    """What is said of an outage. Nothing was printed before."""
    try:
        done = run(name, *arguments)
    except outages as error:
        return str(error)
    assert (done.status, done.out) == (1, "")
    return done.err


class Shell:
    """Of somebody who has the demo on a database of their own, with its tables."""

    def __init__(self, folder: Path, place: dict[str, str] | None = None) -> None:
        self.environment = environment(folder, place or HERE)
        assert self("migrate", "--verbosity", "0") == (0, "", "")

    def __call__(self, *arguments: str, answer: str = "", **variables: str) -> Done:
        """One command, in which a warning is an error. ``answer``: what is typed."""
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
        """What it prints, with the names of the public API."""
        line = f"from django_multisession import sessions\n{code}"
        done = self("shell", "--verbosity", "0", "-c", line)
        assert (done.status, done.err) == (0, "")
        return done.out.strip()
