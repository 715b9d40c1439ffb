"""`manage.py reindexsessions`: its output, its progress, and what it does in an outage."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from django_multisession import sessions
from django_multisession.storage.redis import RedisStorage
from support.project import install
from support.redis_servers import HOST, free_port
from support.terminals import refused, run


@pytest.fixture
def project(memory_storage, settings, monkeypatch):
    """A project whose sessions were stored before MULTISESSION_REFERENCES had ``org``."""
    install(memory_storage, settings, monkeypatch)
    settings.MULTISESSION_REFERENCES = {}
    for org_id in (7, 8):
        sessions.create(data={"org_id": org_id})
    sessions.create()
    settings.MULTISESSION_REFERENCES = {"org": "org_id"}
    return settings


def test_it_prints_how_many_sessions_changed(project):
    assert run("reindexsessions") == (0, "References of 2 sessions updated.\n", "")
    assert [len(list(sessions.find("org", org_id))) for org_id in (7, 8)] == [1, 1]
    assert run("reindexsessions").out == "References of 0 sessions updated.\n"


def test_with_verbosity_0_it_prints_nothing(project):
    assert run("reindexsessions", "-v0") == (0, "", "")
    assert len(list(sessions.find("org", 7))) == 1


class Terminal(StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("words", "is_shown"), [([], True), (["-v0"], False)])
def test_a_terminal_shows_the_progress_on_stderr_only(project, words, is_shown):
    out, err = StringIO(), Terminal()
    call_command("reindexsessions", *words, stdout=out, stderr=err, no_color=True)
    assert ("\rSessions checked: 3" in err.getvalue()) is is_shown
    assert err.getvalue().endswith("\r\x1b[K" if is_shown else "")
    assert "checked" not in out.getvalue()


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("no.where", "The engine 'no.where' cannot be used: No module"),
        ("django.contrib.sessions.backends.file", "django_multisession"),
    ],
)
def test_an_unusable_engine_is_an_error_of_one_line(settings, engine, text):
    settings.SESSION_ENGINE = engine
    done = run("reindexsessions")
    assert (done.status, done.out) == (1, "")
    assert text in done.err


def test_an_outage_is_an_error_of_one_line(settings, monkeypatch):
    unreachable = RedisStorage(url=f"redis://{HOST}:{free_port()}")
    install(unreachable, settings, monkeypatch)
    message = refused("reindexsessions")
    assert "MULTISESSION_REDIS_URL" in message
    assert "\n" not in message.strip()


def test_an_outage_clears_the_progress_line(project, memory_storage, monkeypatch):
    """Otherwise the error message would begin in the middle of that line."""
    pages = memory_storage.pages

    def pages_until_the_outage():
        yield next(iter(pages()))
        raise OSError("no route to the server")

    monkeypatch.setattr(memory_storage, "pages", pages_until_the_outage)
    out, err = StringIO(), Terminal()
    with pytest.raises(OSError, match="no route"):
        call_command("reindexsessions", stdout=out, stderr=err, no_color=True)
    assert "\rSessions checked: 3" in err.getvalue()
    assert (out.getvalue(), err.getvalue()[-4:]) == ("", "\r\x1b[K")
