"""`clearsessions_multi`: what it deletes on every storage, its pace, output and options."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from django_multisession.maintenance.wording import count_noun
from django_multisession.management import scheduler
from django_multisession.management.scheduler import ShutdownFlag
from support.project import install
from support.prune_processes import add, facts_of, ids_in, pruned_lines, run

MEMORY = "django_multisession.backends.memory"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def over(storage, clock, settings, monkeypatch):
    """``over(n)``: store n expired and two live sessions. Return the ids of the live ones."""
    install(storage, settings, monkeypatch)

    def make(number):
        add(storage, number, MINUTE, references={"user": "1"})
        live = add(storage, 2, DAY, first=number)
        clock.advance(hours=2)
        return {*live}

    return make


class TestOnEveryStorage:
    def test_what_is_over_goes_and_what_lives_stays(self, over, storage):
        live = over(5)
        assert facts_of() == (5, 0)
        assert ids_in(storage) == live
        assert facts_of() == (0, 0)

    def test_a_dry_run_counts_what_the_next_run_prunes(self, over, storage):
        live = over(5)
        for _ in range(2):
            assert facts_of("--dry-run", "--batch-size", "2") == (5, 0)
            assert storage.count(expired_only=True) == 5
        assert facts_of("--batch-size", "2") == (5, 0)
        assert facts_of("--dry-run") == (0, 0)
        assert ids_in(storage) == live

    def test_limits(self, over, storage):
        live = over(5)
        assert run("--limit", "3", "--batch-size", "2").status == 3
        assert storage.count(expired_only=True) == 2
        assert facts_of("--limit", "3") == (2, 0)
        assert ids_in(storage) == live


@pytest.fixture
def quick(memory_storage, clock, settings, monkeypatch):
    """``quick(n)``: store n expired sessions in memory. Return the storage."""
    install(memory_storage, settings, monkeypatch)

    def make(number):
        add(memory_storage, number, MINUTE)
        clock.advance(hours=2)
        return memory_storage

    return make


@pytest.fixture
def batches(monkeypatch):
    """``batches(storage)``: return a list to which each purge adds its limit."""

    def watch(storage):
        purge, asked = storage.purge, []

        def noted(limit, on_deleted):
            asked.append(limit)
            return purge(limit, on_deleted)

        monkeypatch.setattr(storage, "purge", noted)
        return asked

    return watch


class TestPace:
    def test_batches(self, quick, batches):
        asked = batches(quick(5))
        assert run("--batch-size", "2").stdout == pruned_lines((MEMORY, 5))
        assert asked == [2, 2, 2]

    def test_a_thousand_at_a_time(self, quick, batches):
        asked = batches(quick(1))
        run()
        assert asked == [1000]

    @pytest.mark.parametrize(("limit", "asked"), [(1, [1]), (3, [2, 1]), (4, [2, 2])])
    def test_a_limit_across_batches(self, quick, batches, limit, asked):
        storage = quick(5)
        watched = batches(storage)
        outcome = run("--batch-size", "2", "--limit", str(limit))
        assert outcome.status == 3
        assert outcome.message == "Stopped early; run it again to continue."
        assert outcome.stdout == (
            f"{MEMORY}: {count_noun(limit, 'expired session')} pruned (0.0 s); stopped early.\n"
        )
        assert watched == asked
        assert storage.count(expired_only=True) == 5 - limit

    def test_a_pause_between_two_batches(self, quick, monkeypatch):
        slept = []
        monkeypatch.setattr(ShutdownFlag, "wait", lambda stop, seconds: slept.append(seconds))
        quick(5)
        run("--batch-size", "2", "--pause", "0.25")
        assert slept == [0.25, 0.25]

    def test_a_short_pause_by_default(self, quick, monkeypatch):
        slept = []
        monkeypatch.setattr(ShutdownFlag, "wait", lambda stop, seconds: slept.append(seconds))
        quick(2)
        run("--batch-size", "1")
        assert slept == [0.005] * 2

    def test_it_stops_when_the_time_is_over(self, quick, monkeypatch):
        now, storage = [100.0], quick(5)
        purge = storage.purge

        def slow(limit, on_deleted):
            now[0] += 4
            return purge(limit, on_deleted)

        monkeypatch.setattr(storage, "purge", slow)
        monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: now[0]))
        assert run("--batch-size", "1", "--max-runtime", "10s").status == 3
        assert storage.count(expired_only=True) == 2
        assert run("--batch-size", "1", "--max-runtime", "1h").status == 0


class TestOutput:
    def test_a_sentence_an_engine(self, quick):
        quick(1500)
        assert run() == (0, pruned_lines((MEMORY, 1500)), "", "")

    def test_of_a_dry_run(self, quick):
        quick(3)
        text = f"{MEMORY}: 3 expired sessions would be pruned (0.0 s).\n"
        assert run("--dry-run") == (0, text, "", "")

    def test_silence(self, quick):
        quick(3)
        assert run("--verbosity", "0", "--dry-run") == (0, "", "", "")
        assert run("--verbosity", "0") == (0, "", "", "")

    def test_json(self, quick):
        quick(3)
        facts = {"engine": MEMORY, "pruned": 3, "ended": 0, "status": "done"}
        facts |= {"dry_run": False, "error": None}
        dry = run("--json", "--dry-run")
        assert dry.facts == [{**facts, "dry_run": True}]
        assert run("--json", "--limit", "2").facts == [{**facts, "pruned": 2, "status": "partial"}]
        assert run("--json", "--verbosity", "0").facts == [{**facts, "pruned": 1}]
        assert [*json.loads(dry.stdout)] == [
            *("engine", "pruned", "ended", "status", "seconds", "dry_run", "error")
        ]

    def test_both_of_them(self, quick, memory_storage):
        quick(1)
        add(memory_storage, 2, DAY, first=1)
        memory_storage.clock.advance(hours=2)
        would = f"{MEMORY}: 1 expired session would be pruned, 2 others would be ended (0.0 s).\n"
        assert run("--idle", "1h", "--dry-run").stdout == would
        both = f"{MEMORY}: 1 expired session pruned, 2 others ended (0.0 s).\n"
        assert run("--idle", "1h").stdout == both


class TestBadOptions:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["--batch-size", "0"],
                "argument --batch-size: '0' is not a whole number of 1 or more.",
            ),
            (
                ["--batch-size", "-1"],
                "argument --batch-size: '-1' is not a whole number of 1 or more.",
            ),
            (["--limit", "0"], "argument --limit: '0' is not a whole number of 1 or more."),
            (["--limit", "1e3"], "argument --limit: '1e3' is not a whole number of 1 or more."),
            (
                ["--limit", "1234567890"],
                "argument --limit: '1234567890' is not a whole number of 1 or mo",
            ),
            (["--pause", "-1"], "argument --pause: '-1' is not a number of seconds."),
            (["--pause", "nan"], "argument --pause: 'nan' is not a number of seconds."),
            (["--pause", "1m"], "argument --pause: '1m' is not a number of seconds."),
            *(
                (
                    [f"--{name}", wrong],
                    f"argument --{name}: {wrong!r} is not a duration. Write 45 (seconds), 90m",
                )
                for name in ("max-runtime", "every", "older-than", "idle")
                for wrong in ("0", "0d", "", "d", "1.5h", "1 h", "30days", "1y", "1h30m")
            ),
            (["--all", "--engine", "db"], "argument --engine: not allowed with argument --all"),
            (["--engine"], "argument --engine: expected one argument"),
            (
                ["--anonymous"],
                "--anonymous needs --idle or --older-than: it would end the sessions",
            ),
            (["redis"], "unrecognized arguments: redis"),
        ],
    )
    def test_a_line_says_what_is_wrong(self, quick, arguments, message):
        storage = quick(1)
        outcome = run(*arguments)
        assert outcome.message.removeprefix("Error: ").startswith(message)
        assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "", "")
        assert storage.count(expired_only=True) == 1

    @pytest.mark.parametrize("name", ["--idle", "--older-than", "--max-runtime", "--every"])
    def test_a_time_beyond_all_times(self, quick, name):
        quick(1)
        assert run(name, "999999999w").message.startswith(f"Error: argument {name}: ")

    @pytest.mark.parametrize("name", ["--idle", "--older-than"])
    def test_a_time_before_all_times_covers_nothing(self, quick, memory_storage, name):
        quick(1)
        add(memory_storage, 1, DAY, first=1)
        assert facts_of(name, "999999d") == (1, 0)

    @pytest.mark.parametrize("name", ["rediss", "nowhere.engine", "json.decoder", "."])
    def test_an_engine_that_is_none(self, quick, name):
        quick(1)
        outcome = run("--engine", name)
        path = name if "." in name else f"django_multisession.backends.{name}"
        assert outcome.message.startswith(f"The engine {path!r} cannot be used: ")
        assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "", "")


@pytest.mark.parametrize("idle", ["30d", timedelta(days=30)])
def test_other_code_can_run_it(quick, memory_storage, clock, idle):
    quick(0)
    add(memory_storage, 1, DAY, last_seen_at=clock.now - 40 * DAY)
    outcome = run(idle=idle, engine=["django_multisession.backends.memory"], as_json=True)
    assert outcome.status == 0
    assert [each["ended"] for each in outcome.facts] == [1]
