"""`manage.py listsessions`: the selection of sessions, the limit and the formats."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.contrib.sessions.backends.db import SessionStore as Djangos
from django.core.management import call_command

from django_multisession import sessions
from django_multisession.core import keys
from django_multisession.core.expiry import utcnow
from django_multisession.storage.redis import RedisStorage
from support.project import install, install_with_orgs
from support.redis_servers import HOST, free_port
from support.subjects import make_record
from support.terminals import refused, run
from support.user_agents import FIREFOX

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

HEAD = ["HANDLE", "BELONGS", "TO", "DEVICE", "IP", "ADDRESS", "LAST", "SEEN", "EXPIRES", "LABEL"]


@pytest.fixture
def engine(storage, settings, monkeypatch):
    return install_with_orgs(storage, settings, monkeypatch)


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    return install_with_orgs(memory_storage, settings, monkeypatch)


def made(user="1", org=7):
    return sessions.create(data={"_auth_user_id": user, "org_id": org}).handle


def rows(done):
    """Return the handles in the table."""
    head, *lines = done.lines
    assert head.split() == HEAD
    return {line.split()[0] for line in lines}


def test_all(engine):
    handles = {made("1"), made("2"), sessions.create().handle}
    done = run("listsessions")
    assert (done.status, done.err) == (0, "3 sessions\n")
    assert rows(done) == handles


def test_of_a_reference(engine):
    mine, other = made(org=7), made(org=8)
    assert rows(run("listsessions", "--reference", "org=7")) == {mine}
    assert rows(run("listsessions", "--reference", "user=1")) == {mine, other}
    done = run("listsessions", "--reference", "org=9")
    assert done == (0, "", "0 sessions\n")


def test_of_a_user(engine, databases):
    """By primary key, also of a deleted user; see test_arguments."""
    mine = made(user="987654")
    made(user="1")
    assert rows(run("listsessions", "--user", "987654")) == {mine}
    assert run("listsessions", "--user", "987653") == (0, "", "0 sessions\n")


def test_those_that_are_over_are_not_listed(engine, clock):
    sessions.create(expires_in=60)
    live = sessions.create(expires_in=3600).handle
    clock.advance(minutes=2)
    assert rows(run("listsessions")) == {live}


def test_json_of_one_of_nobody(engine):
    handle = sessions.create().handle
    (facts,) = map(json.loads, run("listsessions", "--json").lines)
    assert (facts["handle"], facts["references"]) == (handle, {})


def test_json(engine, clock):
    handle = made()
    done = run("listsessions", "--json")
    (facts,) = map(json.loads, done.lines)
    assert done.err == ""
    times = [facts.pop(name) for name in ("created_at", "last_seen_at", "expires_at")]
    assert all(datetime.fromisoformat(each).tzinfo for each in times)
    assert datetime.fromisoformat(times[0]) == clock.now
    assert facts == {
        "handle": handle,
        "references": {"user": "1", "org": "7"},
        "device": "",
        "ip": None,
        "user_agent": "",
        "label": "",
    }


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_at_most_so_many(engine, limit):
    handles = {made() for _ in range(3)}
    for words in ([], ["--reference", "org=7"]):
        found = rows(run("listsessions", "--limit", limit, *words))
        assert found <= handles
        assert len(found) == min(limit, 3)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "1.5"])
def test_what_is_no_limit(quick, limit):
    done = run("listsessions", f"--limit={limit}")
    assert (done.status, "--limit" in done.err) == (1, True)


@pytest.mark.parametrize(("limit", "pages"), [(1, 1), (100, 1), (101, 2), (None, 3)])
def test_no_more_pages_are_asked_for_than_needed(quick, monkeypatch, limit, pages):
    for _ in range(250):
        quick.insert(keys.new_handle(), make_record(quick.clock))
    asked, page = [], quick.page
    monkeypatch.setattr(quick, "page", lambda *args: (asked.append(args), page(*args))[1])
    words = ["--limit", limit] if limit else []
    assert len(rows(run("listsessions", *words))) == min(limit or 250, 250)
    assert len(asked) == pages


def test_lines_are_written_before_the_next_page_is_asked_for(quick, monkeypatch):
    for _ in range(150):
        quick.insert(keys.new_handle(), make_record(quick.clock))
    out, written, page = StringIO(), [], quick.page

    def look(*args):
        written.append(out.getvalue().count("\n"))
        return page(*args)

    monkeypatch.setattr(quick, "page", look)
    call_command("listsessions", stdout=out, stderr=StringIO())
    assert written == [0, 101]


def test_what_the_table_shows(quick, settings):
    settings.TIME_ZONE = "Europe/Berlin"
    record = make_record(
        quick.clock,
        references={"user": "1", "org": "7"},
        ip="2001:db8::1",
        user_agent=FIREFOX,
        label="the laptop in the kitchen, which everybody uses",
        last_seen_at=datetime.fromisoformat("2026-07-01T22:30:00+00:00"),
        expires_at=utcnow() + timedelta(days=1),
    )
    quick.insert("A" * 43, record)
    done = run("listsessions")
    head, line = done.lines
    assert line.startswith(f"{'A' * 43}  1 org=7           Firefox on Linux ")
    assert "2001:db8::1" in line
    assert "2026-07-02 00:30" in line
    assert line.endswith(f"  {record.label}")
    assert head.index("LABEL") == line.index(record.label)


def test_of_several_references_the_user_goes_without_a_name(quick):
    quick.insert("A" * 43, make_record(quick.clock))
    quick.insert("B" * 43, make_record(quick.clock, references={"org": "7"}))
    lines = {line[0]: line.split()[1] for line in run("listsessions").lines[1:]}
    assert lines == {"A": "-", "B": "org=7"}


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_no_key_is_printed(quick, words):
    holders = [sessions.create(data={"note": "private"}) for _ in range(3)]
    text = "".join(map(str, run("listsessions", *words)))
    assert all(holder.handle in text for holder in holders)
    assert not any(holder.session_key in text for holder in holders)
    assert "private" not in text


def test_quietly(quick):
    made()
    assert run("listsessions", verbosity=0).err == ""


# Errors


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--reference", "org"], "NAME=VALUE"),
        (["--reference", "team=7"], "'user', 'org'"),
        (["--reference", "=7"], "MULTISESSION_REFERENCES has no ''"),
        (["--reference", "org=7", "--user", "1"], "not allowed with"),
    ],
)
def test_what_cannot_be_listed(quick, databases, words, message):
    made()
    done = run("listsessions", *words)
    assert (done.status, done.out) == (1, "")
    assert message in done.err


def test_a_value_may_hold_the_sign(quick):
    handle = made(org="a=b")
    assert rows(run("listsessions", "--reference", "org=a=b")) == {handle}


def test_an_empty_value_is_nobodys(quick):
    made()
    done = run("listsessions", "--reference", "org=")
    assert (done.status, done.out) == (1, "")
    assert "needs a value" in done.err


@pytest.mark.parametrize("command", ["listsessions", "checksessions", "endsessions"])
def test_another_engine_cannot_tell(settings, command):
    words = ["--all", "--yes"] if command == "endsessions" else []
    for name, message in [(Djangos.__module__, "django_multisession"), ("no.where", "no.where")]:
        settings.SESSION_ENGINE = name
        done = run(command, *words)
        assert (done.status, done.out) == (1, "")
        assert message in done.err


@pytest.mark.parametrize("words", [[], ["--reference", "org=7"], ["--json"]])
def test_an_outage_is_no_empty_list(quick, settings, monkeypatch, words):
    nowhere = RedisStorage(url=f"redis://{HOST}:{free_port()}")
    install(nowhere, settings, monkeypatch)
    text = refused("listsessions", *words)
    assert "MULTISESSION_REDIS_URL" in text
    assert "0 sessions" not in text


def test_an_outage_in_the_middle_is_no_short_list(quick, monkeypatch):
    for _ in range(150):
        quick.insert(keys.new_handle(), make_record(quick.clock))
    page = quick.page

    def fail(after=None, limit=100):
        if after is not None:
            raise OSError("no route to the server")
        return page(after, limit)

    monkeypatch.setattr(quick, "page", fail)
    with pytest.raises(OSError, match="no route"):
        run("listsessions")
