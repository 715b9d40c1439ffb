"""The shared parts of the commands: argument types, the progress line and outages."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import datetime, timedelta, timezone
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management.base import CommandError, OutputWrapper

from django_multisession.management import cli
from support.outages import Away


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("45", timedelta(seconds=45)),
        ("45s", timedelta(seconds=45)),
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_has_a_unit_or_is_in_seconds(text, parsed):
    assert cli.duration(text) == parsed


@pytest.mark.parametrize(
    "text", ["", "0", "0h", "-1", "1.5h", "1y", " 1h", "1h\n", "1" * 10, "999999999w"]
)
def test_an_invalid_duration_is_named(text):
    with pytest.raises(ArgumentTypeError) as caught:
        cli.duration(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.0", "1_000", "1" * 10])
def test_an_invalid_number_is_named(text):
    with pytest.raises(ArgumentTypeError) as caught:
        cli.number(text)
    assert repr(text) in str(caught.value)


def test_seconds_may_have_a_fraction_and_be_0():
    assert [cli.seconds(text) for text in ("0", "2", "0.5")] == [0.0, 2.0, 0.5]
    for text in ("-1", "nan", "inf", "1e3", ".5", ""):
        with pytest.raises(ArgumentTypeError):
            cli.seconds(text)


def test_an_engine_without_dots_is_one_of_this_package():
    assert cli.engine_name("db") == "django_multisession.backends.db"
    assert cli.engine_name("project.sessions") == "project.sessions"


@pytest.mark.parametrize("error", [ImportError, ValueError, RuntimeError, Away])
def test_an_engine_that_cannot_be_loaded_is_named_whatever_the_reason(error):
    def load(name):
        raise error("it is broken")

    with pytest.raises(CommandError, match=r"'no\.where' cannot be used: it is broken"):
        cli.require_engine("no.where", load)


# Progress


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock in seconds that the test advances."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(cli, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def progress_on(terminal, *, hidden=False):
    return cli.Progress(OutputWrapper(terminal), "Sessions", hidden=hidden)


@pytest.mark.parametrize(
    ("stream", "hidden"), [(StringIO(), False), (Terminal(), True)], ids=["a file", "hidden"]
)
def test_progress_is_for_people_only(clock, stream, hidden):
    progress = progress_on(stream, hidden=hidden)
    progress(1)
    progress.end()
    assert (progress.is_shown, stream.getvalue()) == (False, "")


def test_the_line_is_drawn_ten_times_a_second_at_most(clock):
    terminal = Terminal()
    progress = progress_on(terminal)
    for done in range(1, 31):
        clock.seconds += 0.01
        progress(done)
    assert terminal.getvalue().count("\r") == 3


def test_without_a_total_the_line_has_the_rate(clock):
    terminal = Terminal()
    progress = progress_on(terminal)
    clock.seconds += 10
    progress(12_345)
    assert terminal.getvalue() == "\rSessions: 12,345, 1,234 per second\x1b[K"


def test_with_a_total_the_line_has_the_share_and_the_time_left(clock):
    terminal = Terminal()
    progress = progress_on(terminal)
    progress.total = 1000
    clock.seconds += 30
    progress(250)
    bar = "#####..............."
    assert terminal.getvalue() == f"\rSessions: 250 of about 1,000 [{bar}] 25%, 1:30 left\x1b[K"


def test_more_than_the_total_is_no_more_than_all(clock):
    """The total is approximate, and sessions are added meanwhile."""
    terminal = Terminal()
    progress = progress_on(terminal)
    progress.total = 10
    clock.seconds += 1
    progress(11)
    assert f"[{'#' * 20}] 100%, 0:00 left" in terminal.getvalue()


def test_the_end_clears_only_a_line_that_was_drawn(clock):
    terminal = Terminal()
    progress = progress_on(terminal)
    progress.end()
    assert terminal.getvalue() == ""
    progress(1)
    progress.end()
    assert terminal.getvalue().endswith("\r\x1b[K")


# Output


def test_times_in_json_are_in_iso_8601():
    line = cli.as_json({"at": datetime(2026, 7, 1, 12, tzinfo=timezone.utc)})
    assert json.loads(line) == {"at": "2026-07-01T12:00:00+00:00"}
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("caf\u00e9", "utf-8", "caf\u00e9"),
        ("caf\u00e9", "ascii", "caf?"),
        ("a\x1b[31m\n\u202e", "utf-8", "a?[31m??"),
        ("\ud83d", "utf-8", "?"),
        ("caf\u00e9", None, "caf\u00e9"),
    ],
)
def test_characters_that_a_terminal_would_obey_or_cannot_show_are_replaced(text, encoding, shown):
    assert cli.printable(text, SimpleNamespace(encoding=encoding)) == shown


ENGINE = SimpleNamespace(__module__="project.sessions", storage=SimpleNamespace(outages=(Away,)))


def test_an_outage_is_an_error_of_one_line_with_its_engine():
    with pytest.raises(CommandError) as caught, cli.report_outages(ENGINE):
        raise Away("no route")
    assert str(caught.value) == "project.sessions: Away: no route"


def test_other_errors_are_not_outages():
    """A programming error needs its traceback."""
    with pytest.raises(LookupError), cli.report_outages(ENGINE):
        raise LookupError
