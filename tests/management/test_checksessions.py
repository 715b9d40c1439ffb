"""`manage.py checksessions`: its output, as text and as JSON, and its exit status."""

from __future__ import annotations

import json
import re
import sqlite3
from io import StringIO

import pytest
from django.core.management import call_command

from django_multisession import sessions
from django_multisession.core.record import Change
from django_multisession.storage.base import Finding
from support.integrity_cases import VERBS, opened
from support.terminals import Shell, run

ENGINE = "django_multisession.backends.memory"
TIME = re.compile(r"^ {12}(\w[\w ]*?) +(\d+\.\d\d) ms$", re.M)


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    return opened(memory_storage, settings, monkeypatch)


def made(number=1):
    return [sessions.create(data={"_auth_user_id": "1"}).handle for _ in range(number)]


def deny(storage, monkeypatch, *findings):
    monkeypatch.setattr(storage, "diagnose", lambda: [*findings])


def test_all_is_well(quick):
    made(3)
    done = run("checksessions")
    assert (done.status, done.err) == (0, "")
    assert done.lines[:2] == [f"Engine      {ENGINE}", "Self-test"]
    assert [verb for verb, _ in TIME.findall(done.out)] == VERBS
    assert done.lines[-2:] == ["Sessions    3 checked", "No problems found."]


def test_of_no_sessions_there_is_nothing_to_tell(quick):
    assert "Sessions" not in run("checksessions").out


def test_some_of_many(quick):
    made(30)
    assert "Sessions    10 of about 30 checked\n" in run("checksessions", "--sample", 10).out
    assert "Sessions    30 checked\n" in run("checksessions", "--sample", 10, "--full").out


def test_what_is_wrong_stands_there_with_what_to_do(quick, monkeypatch):
    first, second = Finding("a", "It is wrong.", "Do this."), Finding("b", "So is it.", "Do that.")
    deny(quick, monkeypatch, first)
    done = run("checksessions")
    assert (done.status, done.err) == (1, f"1 problem found in {ENGINE}.")
    assert done.out.endswith("\nIt is wrong.\n    Do this.\n")
    deny(quick, monkeypatch, first, second)
    done = run("checksessions")
    assert (done.status, done.err) == (1, f"2 problems found in {ENGINE}.")
    assert done.out.endswith("\nIt is wrong.\n    Do this.\n\nSo is it.\n    Do that.\n")
    assert "well" not in done.out


def test_repair(quick, settings):
    settings.MULTISESSION_REFERENCES = {}
    made(2)
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id"}
    assert run("checksessions").status == 1
    done = run("checksessions", "--repair")
    assert (done.status, done.err) == (0, "")
    assert "Repaired    2 sessions\n" in done.out
    done = run("checksessions", "--repair")
    assert (done.status, "Repaired" in done.out) == (0, False)


def test_json(quick, monkeypatch):
    made(2)
    deny(quick, monkeypatch, Finding("a", "It is wrong.", "Do this."))
    done = run("checksessions", "--json")
    (line,) = done.lines
    facts = json.loads(line)
    assert list(facts.pop("timings")) == VERBS
    assert facts == {
        "engine": ENGINE,
        "findings": [{"name": "a", "problem": "It is wrong.", "remedy": "Do this."}],
        "looked_at": 2,
        "about": 2,
        "repaired": 0,
    }
    assert (done.status, "1 problem" in done.err) == (1, True)


def test_json_of_what_is_well(quick):
    done = run("checksessions", "--json", "--full")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["findings"] == []


@pytest.mark.parametrize("words", [["--sample", "0"], ["--sample=-1"], ["--sample", "x"]])
def test_what_is_no_sample(quick, words):
    done = run("checksessions", *words)
    assert (done.status, done.out, "--sample" in done.err) == (1, "", True)


def test_no_field_and_no_key_is_printed(quick):
    holder = sessions.create(data={"note": "private"})
    quick.update(holder.handle, Change(set={"broken": b'{"private'}))
    for words in ([], ["--json"], ["--full", "--repair"]):
        done = run("checksessions", *words)
        assert holder.handle in done.out
        assert holder.session_key not in str(done)
        assert "private" not in str(done)


def test_where_nobody_watches_there_is_no_progress(quick):
    made(3)
    done = run("checksessions", "--full")
    assert "\r" not in done.out + done.err


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("words", "is_shown"), [([], True), (["--json"], False), (["-v0"], False)])
def test_who_watches_sees_the_progress(quick, words, is_shown):
    made(3)
    out, err = StringIO(), Terminal()
    call_command("checksessions", *words, stdout=out, stderr=err, no_color=True)
    assert ("Sessions checked: " in err.getvalue()) is is_shown
    assert err.getvalue().endswith("\r\x1b[K" if is_shown else "")
    assert "\r" not in out.getvalue()


# From a shell


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


def execute(shell, statement):
    with sqlite3.connect(shell.environment["SQLITE"]) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.thorough
def test_from_nothing_to_all_is_well(shell):
    done = shell("checksessions")
    assert (done.status, done.err) == (0, "")
    assert done.lines[-1] == "No problems found."
    execute(shell, "DROP INDEX multisession_user")
    done = shell("checksessions")
    assert done.status == 1
    assert done.err == "CommandError: 1 problem found in django_multisession.backends.db.\n"
    problem, remedy = done.lines[-2:]
    assert "multisession_user" in problem
    execute(shell, remedy.strip().removeprefix("Run: "))
    assert shell("checksessions").status == 0
    assert shell.python("print(sessions.count())") == "0"


@pytest.mark.thorough
def test_before_the_first_migration(tmp_path):
    shell = object.__new__(Shell)
    shell.environment = {**Shell(tmp_path).environment, "SQLITE": str(tmp_path / "other.sqlite3")}
    done = shell("checksessions", "--json")
    findings = json.loads(done.out)["findings"]
    assert (done.status, len(findings)) == (1, 4)
    words = findings[0]["remedy"].removeprefix("Run: manage.py ").split()
    assert shell(*words).status == 0
    assert shell("checksessions").status == 0


@pytest.mark.thorough
def test_a_wrong_option_is_a_usage_error(shell):
    done = shell("checksessions", "--repare")
    assert (done.status, "--repare" in done.err) == (2, True)


@pytest.mark.thorough
def test_a_server_that_is_down_is_a_finding(shell):
    place = {"SESSION_BACKEND": "redis", "MULTISESSION_REDIS_URL": "redis://127.0.0.1:1"}
    done = shell("checksessions", **place)
    assert done.status == 1
    assert "Traceback" not in done.err
    assert "MULTISESSION_REDIS_URL" in done.out


@pytest.mark.thorough
@pytest.mark.parametrize(
    "words", [["listsessions"], ["endsessions", "--all", "--yes"], ["checksessions", "--full"]]
)
def test_an_outage_exits_with_1_and_says_no_number(shell, words):
    place = {"SESSION_BACKEND": "redis", "MULTISESSION_REDIS_URL": "redis://127.0.0.1:1"}
    done = shell(*words, **place)
    assert done.status == 1
    assert not re.search(r"\d+ sessions?\b", done.out + done.err)
    assert "MULTISESSION_REDIS_URL" in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.thorough
def test_whoever_lists_and_ends(shell):
    shell.python("for _ in range(3): sessions.create(data={'_auth_user_id': '1'})")
    done = shell("listsessions", "--json", "--limit", "1")
    handle = json.loads(done.out)["handle"]
    done = shell("endsessions", f"--handle={handle}", answer="yes\n")
    assert (done.status, done.err) == (0, "")
    assert done.out == "End 1 session? Type 'yes' to confirm: 1 session ended.\n"
    for answer, text in [("", "There is no input"), ("no\n", "No sessions were ended")]:
        done = shell("endsessions", "--all", answer=answer)
        assert (done.status, text in done.err) == (1, True)
    assert shell("endsessions", "--all", "--yes").out == "2 sessions ended.\n"
    assert shell("listsessions") == (0, "", "0 sessions\n")
