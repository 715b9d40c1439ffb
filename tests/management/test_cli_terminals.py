"""Commands in a terminal: texts of clients are harmless, and pipes may be closed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys

import pytest

from support.demo_sites import DEADLINE, MANAGE
from support.project import install
from support.subjects import make_record
from support.terminals import Shell, run

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

HOSTILE = {
    "colours": "\x1b[31mred\x1b[0m",
    "a title": "\x1b]0;owned\x07",
    "C1": "\x9b31mred\x9d0;owned\x9c",
    "lines": "one\ntwo\r\nthree\rfour\x0b\x0c\x85five\u2028six\u2029seven",
    "backspaces": "visible\b\b\b\b\b\b\bhidden",
    "NUL and DEL": "a\0b\x7fc",
    "reversed": "\u202egnp.exe\u202c \u2066isolated\u2069",
    "invisible": "a\u200bb\u200dc\ufeffd\U000e0041",
    "long": "x" * 5000,
    "wide": "\u6f22\u5b57" * 40,
    "accents": "z\u0300\u0301\u0302" * 40,
    "emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 20,
}
CONTROLS = re.compile(  # except line breaks
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "team": "team"}
    install(memory_storage, settings, monkeypatch)
    return memory_storage


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("place", ["label", "user_agent", "ip", "references"])
def test_a_table_stays_one(quick, text, place):
    facts = {place: {"team": text} if place == "references" else text}
    quick.insert("A" * 43, make_record(quick.clock, **facts))
    quick.insert("B" * 43, make_record(quick.clock))
    done = run("listsessions")
    assert len(done.out.split("\n")) == 4
    assert not CONTROLS.search(done.out)
    assert [line[:43] for line in done.lines[1:]] in (["A" * 43, "B" * 43], ["B" * 43, "A" * 43])


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_line_of_json_is_one_and_says_all(quick, text):
    facts = {"label": text, "user_agent": text, "references": {"team": text}}
    quick.insert("A" * 43, make_record(quick.clock, **facts))
    done = run("listsessions", "--json")
    (line,) = done.out.split("\n")[:-1]
    assert not CONTROLS.search(line)
    printed = json.loads(line)
    assert {name: printed[name] for name in facts} == facts


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_half_a_character_stops_nothing(quick, words):
    """Another program may have stored the invalid text."""
    quick.insert("A" * 43, make_record(quick.clock, label="half \ud83d"))
    done = run("listsessions", *words)
    assert done.out.encode()


def test_a_hostile_field_is_not_printed_as_it_is(quick):
    fields = {"\x1b[31mname": b"{"}
    quick.insert("A" * 43, make_record(quick.clock, fields=fields))
    done = run("checksessions")
    assert "\x1b" not in done.out + done.err


# From a shell


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    return Shell(tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="module")
def many(shell):
    """A user with so many sessions that their table does not fit into a pipe."""
    shell.python(
        "from django.contrib.auth.models import User\n"
        "ada = User.objects.create_user('ada')\n"
        "for number in range(1200): sessions.create(ada, label=f'{number:0100}')\n"
    )
    return shell


def piped(shell, command, *words):
    """Run a pipe in a shell. Return its output and stderr."""
    manage = shlex.join([sys.executable, "-W", "error", str(MANAGE), command])
    line = f"set -o pipefail; {manage} {' '.join(words)}"
    done = subprocess.run(
        ["bash", "-c", line],
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("words", [[], ["--json"], ["--user", "ada"]])
def test_whoever_reads_one_line_sees_no_traceback(many, words):
    out, err = piped(many, "listsessions", *words, "| head -1")
    assert out.count("\n") == 1
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


@pytest.mark.parametrize("words", [["listsessions"], ["checksessions"]])
def test_a_pipe_that_nobody_reads(shell, words):
    _, err = piped(shell, *words, "| true")
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_every_line_arrives_in_a_file(many, tmp_path):
    words = ["--user", "ada", "--json"]
    _, err = piped(many, "listsessions", *words, f"> {tmp_path / 'file'}")
    lines = (tmp_path / "file").read_text().splitlines()
    assert len({json.loads(line)["handle"] for line in lines}) == 1200
    assert err == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_characters(shell, encoding):
    shell.python(r"sessions.create(label='caf\u00e9 \U0001f36a')")
    for words in ([], ["--json"]):
        done = shell("listsessions", *words, PYTHONIOENCODING=f"{encoding}:strict", PYTHONUTF8="0")
        assert (done.status, "Traceback" in done.err) == (0, False)
