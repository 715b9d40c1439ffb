"""`clearsessions_multi` on several engines: a failure does not stop the others."""

from __future__ import annotations

import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.sessions.backends import file

from django_multisession.management import scheduler
from django_multisession.models import SessionReference
from support.project import install, store_on
from support.prune_processes import add, engine, facts_of, pruned_lines, run
from support.subjects import memory

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

MINUTE = timedelta(minutes=1)


@pytest.fixture
def engines(clock, settings, monkeypatch):
    """Storages of three engines, with two expired sessions each.

    The second and third are previous engines. MULTISESSION_MIGRATE_FROM has the first one as well,
    by mistake.
    """
    settings.SESSION_ENGINE = "engine.a"
    settings.MULTISESSION_MIGRATE_FROM = ["engine.b", "engine.c", "engine.a"]
    storages = {f"engine.{letter}": memory(clock) for letter in "abc"}
    for name, storage in storages.items():
        add(storage, 2, MINUTE)
        engine(name, store_on(storage), monkeypatch)
    clock.advance(hours=2)
    return storages


class TestEngines:
    def test_the_one_in_use(self, engines):
        assert run().stdout == pruned_lines(("engine.a", 2))

    def test_several(self, engines):
        arguments = ["--engine", "engine.c", "--engine", "engine.b", "--engine", "engine.c"]
        assert run(*arguments).stdout == pruned_lines(("engine.c", 2), ("engine.b", 2))
        assert engines["engine.a"].count(expired_only=True) == 2

    def test_a_short_name(self, settings, engines, monkeypatch):
        engine("django_multisession.backends.short", store_on(engines["engine.b"]), monkeypatch)
        name = "django_multisession.backends.short"
        assert run("--engine", "short").stdout == pruned_lines((name, 2))

    def test_all(self, engines):
        expected = pruned_lines(("engine.a", 2), ("engine.b", 2), ("engine.c", 2))
        assert run("--all") == (0, expected, "", "")
        assert [facts["pruned"] for facts in run("--all", "--json").facts] == [0, 0, 0]

    def test_a_limit_is_one_of_each(self, engines):
        outcome = run("--all", "--limit", "1", "--json")
        assert outcome.status == 3
        assert [(each["pruned"], each["status"]) for each in outcome.facts] == [(1, "partial")] * 3

    def test_one_that_cannot_be_imported_is_told_before_anything_is_deleted(
        self, engines, settings
    ):
        settings.MULTISESSION_MIGRATE_FROM = ["engine.b", "nowhere.engine"]
        outcome = run("--all")
        assert outcome.message.startswith("The engine 'nowhere.engine' cannot be used: ")
        assert (outcome.status, outcome.stdout) == (1, "")
        assert engines["engine.a"].count(expired_only=True) == 2

    def test_one_that_fails_does_not_keep_the_others_from_it(self, engines, monkeypatch):
        monkeypatch.setattr(engines["engine.b"], "purge", lambda limit, on_deleted: 1 / 0)
        outcome = run("--all")
        assert (outcome.status, outcome.message) == (1, "Pruning failed: engine.b.")
        assert outcome.stdout == pruned_lines(("engine.a", 2), ("engine.c", 2))
        assert outcome.stderr == ("engine.b: ZeroDivisionError: division by zero\n")
        facts = run("--all", "--json").facts[1]
        assert (facts["status"], facts["error"]) == (
            "failed",
            "ZeroDivisionError: division by zero",
        )

    def test_what_failed_is_told_rather_than_what_is_left(self, engines, monkeypatch):
        monkeypatch.setattr(engines["engine.a"], "purge", lambda limit, on_deleted: 1 / 0)
        assert run("--all", "--limit", "1")[::3] == (1, "Pruning failed: engine.a.")

    def test_what_was_done_before_it_failed_is_told(self, engines, monkeypatch):
        storage = engines["engine.a"]
        purges = [storage.purge, lambda limit, on_deleted: 1 / 0]
        monkeypatch.setattr(
            storage, "purge", lambda limit, on_deleted: purges.pop(0)(limit, on_deleted)
        )
        (facts,) = run("--json", "--batch-size", "1").facts
        assert (facts["pruned"], facts["status"]) == (1, "failed")

    def test_a_bug_is_seen(self, engines, monkeypatch):
        monkeypatch.setattr(engines["engine.a"], "purge", lambda limit, on_deleted: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run("--traceback")

    @pytest.mark.parametrize("kind", ["ours", "djangos"])
    def test_none_is_begun_after_the_time_is_over(self, engines, monkeypatch, kind):
        now, begun = [100.0], []
        if kind == "djangos":
            store = type("Theirs", (), {"clear_expired": lambda: begun.append(kind)})
            engine("engine.b", store, monkeypatch)
        else:
            monkeypatch.setattr(
                engines["engine.b"], "purge", lambda limit, on_deleted: begun.append(kind) or 0
            )
        first = engines["engine.a"]
        purge = first.purge
        monkeypatch.setattr(
            first, "purge", lambda *given: (now.append(now.pop() + 60), purge(*given))[1]
        )
        monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: now[-1]))
        assert (
            run("--engine", "engine.a", "--engine", "engine.b", "--max-runtime", "30").status == 3
        )
        assert begun == []


class TestDjangos:
    @pytest.fixture
    def files(self, engines, settings, tmp_path, monkeypatch):
        """A function that counts the files of Django's engine, which is a previous engine.

        It has two sessions, one of which has expired.
        """
        settings.SESSION_FILE_PATH = str(tmp_path)
        monkeypatch.setattr(file.SessionStore, "_storage_path", str(tmp_path), raising=False)
        settings.MULTISESSION_MIGRATE_FROM = [file.__name__, "engine.b"]
        for _ in range(2):
            session = file.SessionStore()
            session["a"] = 1
            session.save()
        os.utime(next(tmp_path.iterdir()), (0, 0))
        return lambda: len([*tmp_path.iterdir()])

    def test_it_is_pruned_as_it_does_itself(self, files):
        outcome = run("--all")
        assert files() == 1
        text = f"{file.__name__}: pruned (0.0 s).\n"
        assert outcome == (
            0,
            pruned_lines(("engine.a", 2)) + text + pruned_lines(("engine.b", 2)),
            "",
            "",
        )

    def test_of_a_dry_run_it_sees_nothing(self, files):
        outcome = run("--all", "--dry-run", "--json")
        assert files() == 2
        assert [each["pruned"] for each in outcome.facts] == [2, None, 2]

    def test_a_policy_is_not_for_it(self, files):
        """The engine does not know the last use and the references of a session."""
        outcome = run("--all", "--idle", "1h", "--json")
        assert files() == 1
        assert [each["ended"] for each in outcome.facts] == [0, 0, 0]

    def test_one_that_cannot_be_pruned(self, engines, settings, monkeypatch):
        def clear_expired():
            raise NotImplementedError("This backend does not support clear_expired().")

        engine("engine.b", type("Theirs", (), {"clear_expired": clear_expired}), monkeypatch)
        outcome = run("--all")
        assert outcome.stdout == pruned_lines(("engine.a", 2), ("engine.c", 2))
        assert outcome.stderr == (
            "engine.b: NotImplementedError: This backend does not support clear_expired().\n"
        )
        assert (outcome.status, outcome.message) == (1, "Pruning failed: engine.b.")


def test_dead_index_entries_go_however_many(database_storage, settings, monkeypatch):
    install(database_storage, settings, monkeypatch)
    entries = SessionReference.objects.using(database_storage.database)
    entries.bulk_create(
        SessionReference(session_id=-number, name="org", value="7") for number in range(1, 26)
    )
    facts_of("--batch-size", "10")
    assert entries.count() == 0
