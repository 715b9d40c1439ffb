"""`manage.py migratesessions` from engines of other packages."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.core.management import get_commands

from django_multisession import sessions
from django_multisession.backends import memory
from django_multisession.core import keys
from django_multisession.management import move_job
from django_multisession.management.commands.migratesessions import MAX_FAULTS
from django_multisession.transfer.base import CannotMove
from support import old_engines
from support.migrate_command import fields, migrate, records
from support.old_engines import APPS, DJANGOS, ENGINES
from support.project import install

SESSIONS = 25
MEMORY = memory.__name__
LISTABLE = ["db", "cached_db", "file", "user_sessions", "qsessions", "qsessions_cached_db"]
LISTABLE += ["redis_sessions"]
DAY = timedelta(days=1)


@pytest.fixture(params=LISTABLE)
def old(relations, request, memory_storage, settings, monkeypatch):
    settings.MULTISESSION_REFERENCES = {"user": "member"}  # no such user exists
    install(memory_storage, settings, monkeypatch)
    yield from old_engines.opened(request.param, request)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(move_job, "SETTLED", 0.05)


def only(*kinds):
    return pytest.mark.parametrize("old", kinds, indirect=True)


some = only("db")


def kept(old, number=SESSIONS):
    """Store sessions in the previous engine. Return key -> data."""
    data = [{"member": str(n % 3), "cart": [n, {"\u00fc": None}]} for n in range(number)]
    return {old.keep(**each): each for each in data}


def test_it_is_there():
    assert get_commands()["migratesessions"] == "django_multisession"


# Sessions that move


def test_all_move_with_all_they_have(old, memory_storage):
    data = kept(old)
    outcome = migrate()
    assert outcome == (f"{old.engine}: {SESSIONS} sessions moved.\n", "", 0, "")
    for key, each in data.items():
        assert fields(memory_storage, key).items() >= each.items()
        assert not old.has(key)
    assert memory_storage.count() == SESSIONS
    assert {info.handle for info in sessions.for_user("1")} == {
        keys.hash_key(key) for key, each in data.items() if each["member"] == "1"
    }


def test_their_ends_are_theirs(old, memory_storage):
    ends = {old.keep(3600, name=1): timedelta(hours=1), old.keep(name=2): timedelta(weeks=2)}
    migrate()
    now = datetime.now(timezone.utc)
    for key, end in ends.items():
        record = memory_storage.read(keys.hash_key(key))
        assert abs(record.expires_at - now - end) < timedelta(seconds=30)


@only("user_sessions", "qsessions", "qsessions_cached_db")
def test_the_address_and_the_device_that_they_know(old, memory_storage):
    holder = old.store(user_agent="Firefox", ip="2001:db8::1")
    holder["name"] = 1
    holder.save()
    unknown = old.keep(name=2)
    migrate()
    there = records(memory_storage)
    known, other = (there[keys.hash_key(key)] for key in (holder.session_key, unknown))
    assert (known.ip, known.user_agent) == ("2001:db8::1", "Firefox")
    assert (other.ip, other.user_agent) == (None, "")


@only("db", "file")
def test_those_that_are_over_or_empty_do_not(old, memory_storage):
    """The table engine does not list expired sessions at all."""
    key, empty = old.keep(name=1), old.keep()
    over = old.keep(-3600, name=2)
    outcome = migrate("--json")
    gone = 1 if old.kind == "db" else 2
    assert outcome.counts == {"moved": 1, "gone": gone}
    assert "1 sessions moved" not in outcome.out
    assert [*records(memory_storage)] == [keys.hash_key(key)]
    assert memory_storage.read(keys.hash_key(over)) is None
    assert memory_storage.read(keys.hash_key(empty)) is None


def test_a_second_time_there_is_nothing_to_do(old, memory_storage):
    kept(old)
    migrate()
    before = records(memory_storage)
    assert migrate().out == f"{old.engine}: 0 sessions moved.\n"
    assert records(memory_storage) == before


@some
def test_more_than_one_batch(old, memory_storage, monkeypatch):
    monkeypatch.setattr(move_job, "CHUNK", 3)
    kept(old, 50)
    assert migrate("--workers", "2").out == f"{old.engine}: 50 sessions moved.\n"
    assert memory_storage.count() == 50


@some
def test_several_sources_one_after_the_other(old, memory_storage, tmp_path, settings, monkeypatch):
    old_engines.use_folder(tmp_path, settings, monkeypatch)
    files = old_engines.Old("file")
    kept(old, 2)
    kept(files, 3)
    names = ["--from", ENGINES["file"], "--from", old.engine]
    assert migrate(*names).out == (
        f"{files.engine}: 3 sessions moved.\n{old.engine}: 2 sessions moved.\n"
    )
    assert memory_storage.count() == 5


@some
def test_who_was_logged_out_everywhere_does_not_come(old, memory_storage):
    kept(old, 6)
    sessions.log_out_everywhere("1")
    expected = {"moved": 4, "ended": 2}
    assert migrate("--json", "--dry-run").counts == expected
    outcome = migrate()
    assert outcome.out == f"{old.engine}: 4 sessions moved; 2 ended before they were moved.\n"
    assert sessions.for_user("1") == []
    assert old.source.count() == 0


# A dry run


def test_a_dry_run_writes_nothing_and_tells_what_comes(old, memory_storage):
    data = kept(old)
    outcome = migrate("--dry-run")
    assert outcome == (f"{old.engine}: {SESSIONS} sessions to move.\n", "", 0, "")
    assert memory_storage.count() == 0
    assert all(old.has(key) for key in data)


@only("db", "file")
def test_a_dry_run_foresees_every_outcome(old, memory_storage):
    kept(old, 4)
    old.keep()
    bad = old.keep(**{"a\0b": 1})
    here = old.keep(name=1)
    memory_storage.insert(keys.hash_key(here), old.source.find(here))
    sessions.log_out_everywhere("1")
    dry, wet = migrate("--dry-run", "--json"), migrate("--json")
    assert dry.counts == {"moved": 3, "here": 1, "ended": 1, "gone": 1, "failed": 1}
    assert (dry.facts["faults"], dry.status) == (wet.facts["faults"], wet.status)
    assert dry.facts["faults"].keys() == {keys.hash_key(bad)}
    assert {**wet.counts, "here": 1} == dry.counts


# Sessions that cannot be stored, and sessions that a dead process has stored


@some
def test_what_cannot_be_stored_stays_and_is_told(old, memory_storage):
    kept(old, 3)
    bad = old.keep(**{"a\0b": 1, "member": "1"})
    handle = keys.hash_key(bad)
    with pytest.raises(CannotMove) as reason:
        old.source.find(bad)
    outcome = migrate()
    assert outcome.out == f"{old.engine}: 3 sessions moved; 1 that the new engine cannot store.\n"
    assert handle in outcome.err
    assert outcome.err == f"- {reason.value}\n"
    assert (outcome.status, outcome.error) == (
        3,
        "Some sessions could not be moved and stay in the previous engine.",
    )
    assert old.has(bad)
    assert memory_storage.read(handle) is None
    assert bad not in outcome.out + outcome.err


@some
def test_of_many_faults_some_are_told(old, memory_storage):
    for _ in range(23):
        old.keep(**{"a\0b": 1})
    lines = migrate().err.splitlines()
    assert len(lines) == MAX_FAULTS + 1
    assert lines[-1] == "- and 3 more; --json shows all"
    assert len(migrate("--json").facts["faults"]) == 23


def test_what_a_process_left_that_died_is_cleaned(old, memory_storage):
    """The process had stored the session and not yet deleted its source. The stored one counts."""
    key = old.keep(name="there")
    handle = keys.hash_key(key)
    memory_storage.insert(handle, old.source.find(key))
    holder = memory.SessionStore(key)
    holder["name"] = "here"
    holder.save()
    outcome = migrate()
    assert outcome.out == f"{old.engine}: 0 sessions moved; 1 already in the new engine.\n"
    assert not old.has(key)
    assert fields(memory_storage, key)["name"] == "here"
    assert migrate().out == f"{old.engine}: 0 sessions moved.\n"


@some
def test_what_a_request_is_just_moving_is_left_to_it(old, memory_storage, monkeypatch):
    """The session is in both engines for a moment; the request deletes its source."""
    key = old.keep(name=1)
    memory_storage.insert(keys.hash_key(key), old.source.find(key))
    removed = []

    def pause(stop, seconds):
        assert old.has(key)
        removed.append(old.source.remove(key))

    monkeypatch.setattr(move_job.ShutdownFlag, "wait", pause)
    monkeypatch.setattr(move_job, "SETTLED", 1000)
    assert migrate("--json").counts == {}
    assert removed == [True]
    assert memory_storage.count() == 1


@some
@pytest.mark.parametrize("workers", [1, 30])
def test_few_and_many_workers(old, memory_storage, workers):
    kept(old, 40)
    assert migrate("--workers", str(workers), "--json").counts == {"moved": 40}


def test_every_engine_of_a_table_is_tried():
    assert {kind for kind in APPS if kind not in {"postgres", "mariadb"}} <= {*LISTABLE}
    assert f"{DJANGOS}db" == ENGINES["db"]
