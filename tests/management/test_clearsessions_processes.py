"""`clearsessions_multi` as a process: exit status, and output on a terminal and in a pipe."""

from __future__ import annotations

import json
import os
import pty
import re
from datetime import timedelta

import pytest
from django.db import connections

from support.prune_processes import add, begun, done, over, pruned_lines, timeless

pytestmark = pytest.mark.thorough  # each test starts processes and waits for seconds

DB = "django_multisession.backends.db"
DAY = timedelta(days=1)


class TestStatus:
    def test_done(self, pruned_storage, pruned_environment):
        over(pruned_storage, 3)
        outcome = done(pruned_environment)
        assert timeless(outcome.stdout) == pruned_lines((DB, 3))
        assert (outcome.status, outcome.stderr) == (0, "")

    def test_partial(self, pruned_storage, pruned_environment):
        over(pruned_storage, 3)
        outcome = done(pruned_environment, "--limit", "2")
        assert (outcome.status, outcome.stderr) == (
            *(3, "CommandError: Stopped early; run it again to continue.\n"),
        )
        assert done(pruned_environment, "--limit", "2").status == 0

    def test_failed(self, pruned_storage, pruned_environment):
        """After the failure of an engine the others are still pruned."""
        over(pruned_storage, 3)
        nowhere = {"MULTISESSION_REDIS_URL": "redis://127.0.0.1:1"}
        sources = {"SOURCES": json.dumps(["django_multisession.backends.redis"])}
        outcome = done(
            {**pruned_environment, **nowhere, **sources}, "--all", "--json", "--skip-checks"
        )
        assert outcome.status == 1
        assert [each["status"] for each in outcome.facts] == ["done", "failed"]
        assert outcome.facts[0]["pruned"] == 3
        assert "127.0.0.1:1" in outcome.facts[1]["error"]
        assert outcome.stderr.endswith("Pruning failed: django_multisession.backends.redis.\n")

    @pytest.mark.parametrize("wrong", [["--idle", "soon"], ["--all", "--engine", "db"]])
    def test_bad_options(self, pruned_storage, pruned_environment, wrong):
        outcome = done(pruned_environment, *wrong)
        assert (outcome.status, outcome.stdout) == (2, "")
        assert re.search(r"error: argument --(idle|engine): ", outcome.stderr)

    def test_it_says_nothing_if_so_wished(self, pruned_storage, pruned_environment):
        over(pruned_storage, 3)
        assert done(pruned_environment, "--verbosity", "0") == (0, "", "", "")

    def test_djangos_own_command_goes_on_working(
        self, pruned_storage, pruned_environment, monkeypatch
    ):
        over(pruned_storage, 3)
        monkeypatch.setattr("support.prune_processes.COMMAND", "clearsessions")
        assert done(pruned_environment) == (0, "", "", "")
        assert pruned_storage.count(expired_only=True) == 0


def on_terminal(pruned_environment, *arguments):
    """Run the command with stderr on a terminal and stdout in a pipe.

    Return its exit status, its output, and what the terminal received.
    """
    reader, terminal = pty.openpty()
    with begun(pruned_environment, *arguments, stderr=terminal) as process:
        os.close(terminal)
        stdout, _ = process.communicate(timeout=60)
    seen = b""
    while chunk := read(reader):
        seen += chunk
    os.close(reader)
    return process.returncode, stdout, seen.decode()


def read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports the end of a terminal this way
        return b""


class TestProgress:
    SLOWLY = "--batch-size", "1", "--pause", "0.05"

    def test_a_person_sees_it(self, pruned_storage, pruned_environment):
        over(pruned_storage, 30)
        status, stdout, seen = on_terminal(pruned_environment, *self.SLOWLY)
        assert (status, stdout.startswith(f"{DB}: 30 expired sessions pruned (")) == (0, True)
        *lines, last = seen.split("\r")[1:]
        assert len(lines) > 5
        for line in lines:
            bar = rf"{DB}: \d+ of about 30 \[[#.]{{20}}\] \d+%, \d+:\d\d left\x1b\[K"
            assert re.fullmatch(bar, line), line
        assert last == "\x1b[K"  # the progress line is cleared

    def test_of_a_policy_a_number_and_its_rate(self, pruned_storage, pruned_environment):
        add(
            pruned_storage,
            30,
            DAY,
            last_seen_at=pruned_storage.clock() - DAY,
            created_at=pruned_storage.clock() - DAY,
        )
        _, _, seen = on_terminal(pruned_environment, "--idle", "1h", *self.SLOWLY)
        assert re.search(rf"\r{DB}: \d+, \d+ per second\x1b\[K", seen)

    @pytest.mark.parametrize("quiet", [["--json"], ["--verbosity", "0"]])
    def test_not_who_does_not_want_it(self, pruned_storage, pruned_environment, quiet):
        over(pruned_storage, 5)
        assert on_terminal(pruned_environment, *self.SLOWLY, *quiet)[::2] == (0, "")

    def test_not_in_a_pipe(self, pruned_storage, pruned_environment):
        over(pruned_storage, 5)
        outcome = done(pruned_environment, *self.SLOWLY)
        assert outcome.stderr == ""
        assert len(outcome.stdout.splitlines()) == 1

    def test_what_fails_is_told_on_a_line_of_its_own(
        self, pruned_storage, pruned_environment, tmp_path
    ):
        over(pruned_storage, 40)
        connection = connections["pruned"]
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TRIGGER broken BEFORE DELETE ON django_multisession_session "
                "WHEN old.id > 20 BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        status, _, seen = on_terminal(pruned_environment, *self.SLOWLY)
        assert status == 1
        assert "\r\x1b[K" in seen
        assert re.search(rf"\r\x1b\[K(\x1b\[[\d;]+m)?{DB}: 20 expired", seen)
