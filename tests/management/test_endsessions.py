"""`manage.py endsessions`: the selection of sessions, the confirmation and the output."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

from django_multisession import sessions, signals
from django_multisession.backends.memory import SessionStore
from django_multisession.core import keys
from django_multisession.management import arguments
from django_multisession.session import SessionGone
from django_multisession.storage.redis import RedisStorage
from support.project import hearing, install, install_with_orgs
from support.redis_servers import HOST, free_port
from support.terminals import refused, run

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

ALL = "end all sessions"


@pytest.fixture
def engine(storage, settings, monkeypatch):
    return install_with_orgs(storage, settings, monkeypatch)


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    return install_with_orgs(memory_storage, settings, monkeypatch)


@pytest.fixture
def typed(monkeypatch):
    """``typed(text)``: set the input, which ends after the text."""
    return lambda text: monkeypatch.setattr(sys, "stdin", StringIO(text))


@pytest.fixture
def ended():
    with hearing(signals.session_ended) as ended:
        yield ended


def made(user="1", org=7):
    return sessions.create(data={"_auth_user_id": user, "org_id": org}).handle


def left():
    return {info.handle for info in sessions.all()}


def test_those_of_a_reference(engine, ended):
    doomed, other = {made(), made(user="2")}, made(org=8)
    done = run("endsessions", "--reference", "org=7", "--yes")
    assert done == (0, "2 sessions ended.\n", "")
    assert left() == {other}
    assert {(facts["handle"], facts["reason"]) for facts in ended} == {
        (handle, "ended_by_command") for handle in doomed
    }


def test_one_and_several_by_their_handles(engine, ended):
    first, second, third, other = (made() for _ in range(4))
    assert run("endsessions", f"--handle={first}", "--yes").out == "1 session ended.\n"
    words = [f"--handle={second}", f"--handle={third}", "--yes"]
    assert run("endsessions", *words).out == "2 sessions ended.\n"
    assert left() == {other}
    assert [facts["reason"] for facts in ended] == ["ended_by_command"] * 3


def test_all(engine):
    for _ in range(3):
        made()
    sessions.create()
    assert run("endsessions", "--all", "--yes") == (0, "4 sessions ended.\n", "")
    assert left() == set()


def test_whoever_used_it_fails_to_save(quick):
    holder = sessions.create(data={"_auth_user_id": "1"})
    same = SessionStore(holder.session_key)
    same["note"] = 1
    run("endsessions", "--reference", "user=1", "--yes")
    with pytest.raises(SessionGone):
        same.save()


def test_there_is_none(quick):
    for words in (["--all"], ["--reference", "org=9"], [f"--handle={'A' * 43}"]):
        assert run("endsessions", *words, "--yes") == (0, "0 sessions ended.\n", "")


@pytest.mark.parametrize("first", ["-", "--", "-A", "_"])
def test_a_handle_may_begin_with_any_of_its_characters(quick, first):
    """One handle of 64 begins with a dash."""
    handle = first.ljust(43, "x")
    for words in ([f"--handle={handle}"], arguments.join_handles(["--handle", handle])):
        assert run("endsessions", *words, "--yes") == (0, "0 sessions ended.\n", "")


# Confirmation

QUESTIONS = [
    (["--reference", "org=7"], "End 2 sessions of org=7?", "yes"),
    ([f"--handle={'A' * 43}"], "End 1 session?", "yes"),
    ([f"--handle={'A' * 43}", f"--handle={'B' * 43}"], "End 2 sessions?", "yes"),
    (["--all"], "End all 2 sessions of all users and visitors?", ALL),
]
each = pytest.mark.parametrize(("words", "question", "word"), QUESTIONS)


@each
@pytest.mark.parametrize("answer", ["{}\n", "  {} \n", "{}"])
def test_whoever_types_the_word_has_it_done(quick, typed, capsys, words, question, word, answer):
    made(), made()
    typed(answer.format(word))
    done = run("endsessions", *words)
    assert (done.status, "ended." in done.out) == (0, True)
    assert f"{question} Type '{word}' to confirm: " in capsys.readouterr().out
    assert len(left()) == (2 if "--handle" in words[0] else 0)


WRONG = ["", "n\n", "y\n", "YES\n", "\n", "yes, please\n", f"{ALL}.\n", "all\n", "\x04\n"]


@each
@pytest.mark.parametrize("answer", WRONG)
def test_whoever_types_something_else_has_nothing_done(quick, typed, words, question, word, answer):
    handles = {made(), made()}
    typed(answer)
    done = run("endsessions", *words)
    assert (done.status, done.out) == (1, "")
    assert "No sessions were ended." in done.err
    assert ("--yes" in done.err) is (answer == "")
    assert left() == handles


def test_yes_is_not_enough_for_all(quick, typed):
    made()
    typed("yes\n")
    assert run("endsessions", "--all").status == 1
    assert len(left()) == 1


def test_with_yes_nobody_is_asked(quick, typed):
    typed("no\n")
    made()
    assert run("endsessions", "--all", "--yes").out == "1 session ended.\n"


# Errors


@pytest.mark.parametrize("make", [keys.new_key, lambda: "abcdefgh", lambda: "a" * 40])
def test_a_key_is_no_handle_and_not_printed_back(quick, make):
    handle, key = made(), make()
    done = run("endsessions", f"--handle={handle}", f"--handle={key}", "--yes")
    assert (done.status, done.out) == (1, "")
    assert "key" in done.err
    assert key not in done.err
    assert left() == {handle}


@pytest.mark.parametrize(
    "text", ["", "A" * 42, "A" * 44, "A" * 42 + "+", "\x1b[31m", "A" * 42 + "\n"]
)
def test_what_is_no_handle(quick, text):
    handle = made()
    done = run("endsessions", f"--handle={text}", "--yes")
    assert (done.status, "43 characters" in done.err) == (1, True)
    assert not text or text not in done.err
    assert left() == {handle}


@pytest.mark.parametrize(
    "words",
    [
        ["--yes"],
        ["--all", "--user", "ada", "--yes"],
        ["--all", f"--handle={'A' * 43}", "--yes"],
        ["--user", "ada", "--reference", "org=7", "--yes"],
        ["--reference", "team=7", "--yes"],
        ["--reference", "org", "--yes"],
    ],
)
def test_what_is_not_clear_ends_nothing(quick, databases, words):
    made()
    done = run("endsessions", *words)
    assert (done.status, done.out) == (1, "")
    assert len(left()) == 1


@pytest.mark.parametrize("words", [["--all"], ["--reference", "org=7"], [f"--handle={'A' * 43}"]])
def test_an_outage_is_not_nothing_to_end(settings, monkeypatch, words):
    settings.MULTISESSION_REFERENCES = {"org": "org_id"}
    nowhere = RedisStorage(url=f"redis://{HOST}:{free_port()}")
    install(nowhere, settings, monkeypatch)
    text = refused("endsessions", *words, "--yes")
    assert "MULTISESSION_REDIS_URL" in text
    assert "0 sessions" not in text


def test_a_broken_receiver_stops_nothing(quick):
    def fail(**facts):
        raise RuntimeError("a broken receiver")

    signals.session_ended.connect(fail)
    try:
        for _ in range(3):
            made()
        assert run("endsessions", "--reference", "org=7", "--yes").out == "3 sessions ended.\n"
    finally:
        signals.session_ended.disconnect(fail)


def test_one_that_comes_while_the_question_is_open_is_ended_too(quick, monkeypatch):
    made()
    monkeypatch.setattr("builtins.input", lambda text: (made(), "yes")[1])
    assert run("endsessions", "--reference", "org=7").out == "2 sessions ended.\n"
