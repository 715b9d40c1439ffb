"""The command that prunes as a process: its exit status, terminals, pipes and cron."""

from __future__ import annotations

import json
import os
import pty
import re
from datetime import timedelta

import pytest
from django.db import connections

from support.prune_processes import add, begun, database, done, environment, over, timeless, told

pytestmark = pytest.mark.thorough  # a process each, and seconds that pass

DB = "django_multisession.backends.db"
DAY = timedelta(days=1)


@pytest.fixture
def storage(tmp_path, django_db_blocker, monkeypatch):
    with django_db_blocker.unblock(), database(tmp_path, monkeypatch) as storage:
        yield storage


@pytest.fixture
def here(tmp_path):
    return environment(SQLITE=str(tmp_path / "db"), FILES=str(tmp_path))


class TestStatus:
    def test_done(self, storage, here):
        over(storage, 3)
        outcome = done(here)
        assert timeless(outcome.stdout) == told((DB, 3))
        assert (outcome.status, outcome.stderr) == (0, "")

    def test_partial(self, storage, here):
        over(storage, 3)
        outcome = done(here, "--limit", "2")
        assert (outcome.status, outcome.stderr) == (
            *(3, "CommandError: Stopped before the end; run it again.\n"),
        )
        assert done(here, "--limit", "2").status == 0

    def test_failed(self, storage, here):
        """An engine that fails does not keep the others from it."""
        over(storage, 3)
        nowhere = {"MULTISESSION_REDIS_URL": "redis://127.0.0.1:1"}
        sources = {"SOURCES": json.dumps(["django_multisession.backends.redis"])}
        outcome = done({**here, **nowhere, **sources}, "--all", "--json", "--skip-checks")
        assert outcome.status == 1
        assert [each["status"] for each in outcome.facts] == ["done", "failed"]
        assert outcome.facts[0]["pruned"] == 3
        assert "127.0.0.1:1" in outcome.facts[1]["error"]
        assert outcome.stderr.endswith("Failed: django_multisession.backends.redis.\n")

    @pytest.mark.parametrize("wrong", [["--idle", "soon"], ["--all", "--engine", "db"]])
    def test_bad_options(self, storage, here, wrong):
        outcome = done(here, *wrong)
        assert (outcome.status, outcome.stdout) == (2, "")
        assert re.search(r"error: argument --(idle|engine): ", outcome.stderr)

    def test_it_says_nothing_if_so_wished(self, storage, here):
        over(storage, 3)
        assert done(here, "--verbosity", "0") == (0, "", "", "")

    def test_djangos_own_command_goes_on_working(self, storage, here, monkeypatch):
        over(storage, 3)
        monkeypatch.setattr("support.prune_processes.COMMAND", "clearsessions")
        assert done(here) == (0, "", "", "")
        assert storage.count(expired_only=True) == 0


def on_terminal(here, *arguments):
    """What a person sees, and what stdout is, which is a pipe."""
    ours, theirs = pty.openpty()
    with begun(here, *arguments, stderr=theirs) as process:
        os.close(theirs)
        stdout, _ = process.communicate(timeout=60)
    seen = b""
    while chunk := read(ours):
        seen += chunk
    os.close(ours)
    return process.returncode, stdout, seen.decode()


def read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # which is how Linux tells its end
        return b""


class TestProgress:
    SLOWLY = "--batch-size", "1", "--pause", "0.05"

    def test_a_person_sees_it(self, storage, here):
        over(storage, 30)
        status, stdout, seen = on_terminal(here, *self.SLOWLY)
        assert (status, stdout.startswith(f"{DB}: 30 expired sessions pruned (")) == (0, True)
        *lines, last = seen.split("\r")[1:]
        assert len(lines) > 5
        for line in lines:
            bar = rf"{DB}: \d+ of about 30 \[[#.]{{20}}\] \d+%, \d+:\d\d left\x1b\[K"
            assert re.fullmatch(bar, line), line
        assert last == "\x1b[K"  # the line is left to what comes next

    def test_of_a_policy_a_number_and_its_rate(self, storage, here):
        add(storage, 30, DAY, last_seen_at=storage.clock() - DAY, created_at=storage.clock() - DAY)
        _, _, seen = on_terminal(here, "--idle", "1h", *self.SLOWLY)
        assert re.search(rf"\r{DB}: \d+, \d+ a second\x1b\[K", seen)

    @pytest.mark.parametrize("quiet", [["--json"], ["--verbosity", "0"]])
    def test_not_who_does_not_want_it(self, storage, here, quiet):
        over(storage, 5)
        assert on_terminal(here, *self.SLOWLY, *quiet)[::2] == (0, "")

    def test_not_in_a_pipe(self, storage, here):
        over(storage, 5)
        outcome = done(here, *self.SLOWLY)
        assert outcome.stderr == ""
        assert len(outcome.stdout.splitlines()) == 1

    def test_what_fails_is_told_on_a_line_of_its_own(self, storage, here, tmp_path):
        over(storage, 40)
        connection = connections["pruned"]
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TRIGGER broken BEFORE DELETE ON django_multisession_session "
                "WHEN old.id > 20 BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        status, _, seen = on_terminal(here, *self.SLOWLY)
        assert status == 1
        assert "\r\x1b[K" in seen
        assert re.search(rf"\r\x1b\[K(\x1b\[[\d;]+m)?{DB}: 20 expired", seen)
