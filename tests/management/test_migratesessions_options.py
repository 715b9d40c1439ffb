"""The options of `manage.py migratesessions`, what it refuses, and what it says."""

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

BY_KEY = "Name it in MULTISESSION_MIGRATE_FROM: then each session is moved when its key is offered."
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


# What it refuses


REFUSED = {
    "no source": ([], "Say where sessions are: --from, or MULTISESSION_MIGRATE_FROM."),
    "itself": (["--from", "memory"], f"--from and --to are the same engine: '{MEMORY}'."),
    "no module": (["--from", "mongo"], f"The engine '{OURS}mongo' cannot be used: No module"),
    "no engine": (["--from", "json.decoder"], "The engine 'json.decoder' cannot be used: module"),
    "no package": (["--from", "nowhere.engine"], "'nowhere.engine' cannot be used: No module"),
    "a target that is none": (["--from", "db", "--to", "mongo"], f"'{OURS}mongo' cannot be used"),
    "the way back": (
        ["--from", "db", "--to", f"{DJANGOS}db"],
        f"'{DJANGOS}db' is no engine of django_multisession, and these know no keys, but their "
        f"hashes. The way back is one by one: set SESSION_ENGINE to {OURS}django_db, for example, "
        "and MULTISESSION_MIGRATE_FROM to the engine so far.",
    ),
    "the way back by its engine": (
        ["--from", "db", "--to", "django_db"],
        f"'{OURS}django_db' is no engine of django_multisession",
    ),
    "another site": (
        ["--from", f"{DJANGOS}file", "--to", "redis"],
        f"SESSION_ENGINE is not '{OURS}redis': whose session has been moved would be logged out. "
        "Set it, and MULTISESSION_MIGRATE_FROM to where sessions are now, and run this then. Or "
        "stop the site, and say so: --offline.",
    ),
    "no workers": (["--workers", "0"], "'0' is no number of 1 or more."),
    "what is no number": (["--workers", "many"], "'many' is no number of 1 or more."),
    "what is no option": (["--now"], "unrecognized arguments: --now"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_it_refuses(case, databases, memory_storage):
    arguments, text = REFUSED[case]
    said = migrate(*arguments)
    assert text in said.error
    assert (said.out, said.status) == ("", 1)


def test_an_engine_whose_app_is_not_installed(tmp_path):
    """In a process that never had it."""
    engine = f"{DJANGOS}db"
    with manage(tmp_path, {}, "migratesessions", "--from", engine) as process:
        said = process.communicate(timeout=DEADLINE)[0]
    assert said.startswith(f"CommandError: The engine '{engine}' cannot be used: Model class")
    assert "INSTALLED_APPS" in said
    assert process.returncode == 1


def test_without_an_engine_of_ours(settings):
    settings.SESSION_ENGINE = f"{DJANGOS}db"
    said = migrate("--from", f"{OURS}redis")
    assert f"'{DJANGOS}db' is no engine of django_multisession" in said.error


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
    """It names the way that there is."""
    key = old.keep(name=1)
    said = migrate(*dry)
    assert said.error == f"{reason} ({old.engine}). {BY_KEY}"
    assert said.status == 1
    assert memory_storage.count() == 0
    assert memory.SessionStore(key)["name"] == 1  # it works


@pytest.mark.parametrize("old", ["redis_sessions"], indirect=True)
def test_redis_sessions_on_several_servers(old, monkeypatch):
    from redis_sessions import settings as once  # reads its settings once in a process

    kept(old, 1)
    monkeypatch.setattr(once, "SESSION_REDIS_POOL", [{}])
    said = migrate()
    assert said.error == f"The sessions are on several servers ({old.engine}). {BY_KEY}"


# What it says


@some
def test_as_json(old, memory_storage):
    kept(old, 2)
    facts = {"engine": old.engine, "dry_run": False, "moved": 2, "here": 0, "ended": 0}
    said = migrate("--json")
    assert said.facts == {**facts, "gone": 0, "failed": 0, "faults": {}}
    assert said.out.count("\n") == 1


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
    said = migrate()
    assert re.search(rf"^\r{old.engine}: 1 of about 3 \[#+\.+\] 33%, \d:\d\d left\x1b\[K", said.err)
    assert said.err.endswith("\r\x1b[K")
    assert said.out == f"{old.engine}: 3 sessions moved.\n"
    assert "\r" not in migrate("--json").err


@some
def test_a_source_that_requests_do_not_know_is_told(old, memory_storage, settings):
    kept(old, 1)
    settings.MULTISESSION_MIGRATE_FROM = []
    said = migrate("--from", old.engine)
    assert f"{old.engine} is not in MULTISESSION_MIGRATE_FROM: who comes before" in said.err
    assert memory_storage.count() == 1
    old.keep(name=1)
    assert migrate("--from", old.engine, "--offline").err == ""


@some
def test_the_site_may_stand_still(old, settings, memory_storage):
    """Then SESSION_ENGINE may be any."""
    kept(old, 2)
    settings.SESSION_ENGINE = old.engine
    assert "would be logged out" in migrate("--to", "memory").error
    said = migrate("--to", "memory", "--offline")
    assert said == (f"{old.engine}: 2 sessions moved.\n", "", 0, "")
