"""`manage.py migratesessions`: its options, errors and output."""

from __future__ import annotations

import re

import pytest

from django_multisession.backends import memory
from django_multisession.management.commands import migratesessions
from support import old_engines
from support.demo_sites import DEADLINE, manage
from support.migrate_command import OURS, migrate
from support.old_engines import DJANGOS
from support.project import install

BY_KEY = "Add it to MULTISESSION_MIGRATE_FROM: then each session moves when it is next used."
MEMORY = memory.__name__


@pytest.fixture(autouse=True)
def _project(memory_storage, settings, monkeypatch):
    install(memory_storage, settings, monkeypatch)


@pytest.fixture
def old(relations, _project, request):
    yield from old_engines.opened(request.param, request)


some = pytest.mark.parametrize("old", ["db"], indirect=True)


def kept(old, number):
    for n in range(number):
        old.keep(name=n)


# Errors


REFUSED = {
    "no source": ([], "No engine to move from: use --from, or set MULTISESSION_MIGRATE_FROM."),
    "itself": (["--from", "memory"], f"--from and --to are the same engine: '{MEMORY}'."),
    "no module": (["--from", "mongo"], f"The engine '{OURS}mongo' cannot be used: No module"),
    "no engine": (["--from", "json.decoder"], "The engine 'json.decoder' cannot be used: module"),
    "no package": (["--from", "nowhere.engine"], "'nowhere.engine' cannot be used: No module"),
    "a target that is none": (["--from", "db", "--to", "mongo"], f"'{OURS}mongo' cannot be used"),
    "the way back": (
        ["--from", "db", "--to", f"{DJANGOS}db"],
        f"'{DJANGOS}db' is not an engine of django_multisession. Other engines store session keys, "
        "and django_multisession knows only their hashes. To go back, let each session move when "
        f"it is used: set SESSION_ENGINE to {OURS}django_db, for example, and "
        "MULTISESSION_MIGRATE_FROM to the previous engine.",
    ),
    "the way back by its engine": (
        ["--from", "db", "--to", "django_db"],
        f"'{OURS}django_db' is not an engine of django_multisession",
    ),
    "another site": (
        ["--from", f"{DJANGOS}file", "--to", "redis"],
        f"SESSION_ENGINE is not '{OURS}redis', so users would be logged out when their session "
        f"moves. Set SESSION_ENGINE to '{OURS}redis' and MULTISESSION_MIGRATE_FROM to the engine "
        "that has the sessions now, deploy, and run this again. Or stop the site and use "
        "--offline.",
    ),
    "no workers": (["--workers", "0"], "'0' is not a whole number of 1 or more."),
    "what is no number": (["--workers", "many"], "'many' is not a whole number of 1 or more."),
    "what is no option": (["--now"], "unrecognized arguments: --now"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_refuses(case, databases, memory_storage):
    arguments, text = REFUSED[case]
    outcome = migrate(*arguments)
    assert text in outcome.error
    assert (outcome.out, outcome.status) == ("", 1)


def test_an_engine_whose_app_is_not_installed(tmp_path):
    """Runs in a process of its own, which has never loaded the app."""
    engine = f"{DJANGOS}db"
    with manage(tmp_path, {}, "migratesessions", "--from", engine) as process:
        outcome = process.communicate(timeout=DEADLINE)[0]
    assert outcome.startswith(f"CommandError: The engine '{engine}' cannot be used: Model class")
    assert "INSTALLED_APPS" in outcome
    assert process.returncode == 1


def test_without_an_engine_of_ours(settings):
    settings.SESSION_ENGINE = f"{DJANGOS}db"
    outcome = migrate("--from", f"{OURS}redis")
    assert f"'{DJANGOS}db' is not an engine of django_multisession" in outcome.error


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["moving", "dry"])
@pytest.mark.parametrize(
    ("old", "reason"),
    [
        ("cache", "A cache cannot list its sessions"),
        ("signed_cookies", "Only the browsers have these sessions"),
        ("other", "This engine has no known way to list its sessions"),
    ],
    indirect=["old"],
)
def test_engines_that_cannot_be_listed(old, reason, dry, memory_storage):
    """The message names the alternative."""
    key = old.keep(name=1)
    outcome = migrate(*dry)
    assert outcome.error == f"{reason} ({old.engine}). {BY_KEY}"
    assert outcome.status == 1
    assert memory_storage.count() == 0
    assert memory.SessionStore(key)["name"] == 1  # moves on demand


@pytest.mark.parametrize("old", ["redis_sessions"], indirect=True)
def test_redis_sessions_on_several_servers(old, monkeypatch):
    from redis_sessions import settings as once  # reads its settings once a process

    kept(old, 1)
    monkeypatch.setattr(once, "SESSION_REDIS_POOL", [{}])
    outcome = migrate()
    assert outcome.error == f"The sessions are on several servers ({old.engine}). {BY_KEY}"


# Output


@some
def test_as_json(old, memory_storage):
    kept(old, 2)
    facts = {"engine": old.engine, "dry_run": False, "moved": 2, "here": 0, "ended": 0}
    outcome = migrate("--json")
    assert outcome.facts == {**facts, "gone": 0, "failed": 0, "faults": {}}
    assert outcome.out.count("\n") == 1


@some
def test_in_silence(old, memory_storage):
    kept(old, 2)
    assert migrate(verbosity=0) == ("", "", 0, "")


@some
def test_with_progress_where_a_person_watches(old, memory_storage, monkeypatch):
    class Terminal(migratesessions.Progress):
        def __init__(self, out, what, *, hidden):
            out.isatty = lambda: True
            super().__init__(out, what, hidden=hidden)

    monkeypatch.setattr(migratesessions, "Progress", Terminal)
    kept(old, 3)
    outcome = migrate()
    assert re.search(
        rf"^\r{old.engine}: 1 of about 3 \[#+\.+\] 33%, \d:\d\d left\x1b\[K", outcome.err
    )
    assert outcome.err.endswith("\r\x1b[K")
    assert outcome.out == f"{old.engine}: 3 sessions moved.\n"
    assert "\r" not in migrate("--json").err


@some
def test_a_source_that_requests_do_not_know_is_told(old, memory_storage, settings):
    kept(old, 1)
    settings.MULTISESSION_MIGRATE_FROM = []
    outcome = migrate("--from", old.engine)
    assert f"{old.engine} is not in MULTISESSION_MIGRATE_FROM: users who visit" in outcome.err
    assert memory_storage.count() == 1
    old.keep(name=1)
    assert migrate("--from", old.engine, "--offline").err == ""


@some
def test_the_site_may_stand_still(old, settings, memory_storage):
    """SESSION_ENGINE may be any engine with --offline."""
    kept(old, 2)
    settings.SESSION_ENGINE = old.engine
    assert "would be logged out" in migrate("--to", "memory").error
    outcome = migrate("--to", "memory", "--offline")
    assert outcome == (f"{old.engine}: 2 sessions moved.\n", "", 0, "")
