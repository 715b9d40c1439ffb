"""The pruning of several engines: results, pauses, and failures of one of them."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management.base import CommandError, OutputWrapper

from django_multisession.backends import memory
from django_multisession.maintenance.pruning import Pace, RetentionPolicy
from django_multisession.management.prune_job import Job, Result, Throttle
from support import prune_processes as processes
from support.outages import Away, broken
from support.project import install

MEMORY = memory.__name__
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"pruned": 1}, "db: 1 expired session pruned (0.0 s)."),
        ({"pruned": 1200}, "db: 1,200 expired sessions pruned (0.0 s)."),
        (
            {"pruned": 2, "ended": 1},
            "db: 2 expired sessions pruned, 1 other ended (0.0 s).",
        ),
        (
            {"pruned": 2, "ended": 3, "dry_run": True},
            "db: 2 expired sessions would be pruned, 3 others would be ended (0.0 s).",
        ),
        (
            {"pruned": 2, "status": "partial"},
            "db: 2 expired sessions pruned (0.0 s); stopped early.",
        ),
        ({"pruned": None}, "db: pruned (0.0 s)."),
        ({"status": "failed", "error": "Away: gone"}, "db: Away: gone"),
        (
            {"pruned": 2, "status": "failed", "error": "Away: gone"},
            "db: 2 expired sessions pruned: Away: gone",
        ),
    ],
)
def test_the_sentence_of_a_result(facts, sentence):
    assert Result(engine="db", **facts).sentence() == sentence


class Flag:
    """A ShutdownFlag that records waits instead of waiting."""

    def __init__(self, *, is_set=False):
        self.is_set, self.waits = is_set, []

    def __bool__(self):
        return self.is_set

    def wait(self, seconds):
        self.waits.append(seconds)
        return self.is_set


def test_a_pause_comes_after_each_full_batch_only():
    flag = Flag()
    throttle = Throttle(flag, batch_size=3, pause=0.5)
    assert not any(throttle.should_stop(number) for number in (2, 0, 1, 1, 1, 1))
    assert flag.waits == [0.5, 0.5]


@pytest.mark.parametrize("number", [0, 3])
def test_a_flag_stops_between_batches_and_after_them(number):
    assert Throttle(Flag(is_set=True), batch_size=3, pause=0).should_stop(number) is True


@pytest.fixture
def expired_storage(memory_storage, clock, settings, monkeypatch):
    """A storage with three expired sessions and a live one."""
    install(memory_storage, settings, monkeypatch)
    processes.add(memory_storage, 3, MINUTE)
    clock.advance(hours=2)
    processes.add(memory_storage, 1, MINUTE, first=3)
    return memory_storage


def results(*names, policy=None, flag=None, renew=None, **options):
    """Return the results of a job on these engines."""
    pace = Pace(batch_size=2, limit=options.pop("limit", None))
    options = {"dry_run": False, "raises": False, **options}
    job = Job(names, policy, pace, Throttle(flag or Flag(), 2, 0), **options)
    if renew is not None:
        job.renew = renew
    return list(job.run(OutputWrapper(StringIO()), hidden=True))


def test_expired_sessions_are_pruned(expired_storage):
    (result,) = results(MEMORY)
    assert (result.engine, result.status) == (MEMORY, "done")
    assert (result.pruned, result.ended, expired_storage.count()) == (3, 0, 1)


def test_a_policy_ends_live_sessions_too(expired_storage, clock):
    clock.advance(seconds=30)
    policy = RetentionPolicy(idle=timedelta(seconds=10))
    (result,) = results(MEMORY, policy=policy, dry_run=True)
    assert (result.pruned, result.ended, expired_storage.count()) == (3, 1, 1)
    (result,) = results(MEMORY, policy=policy)
    assert (result.pruned, result.ended, expired_storage.count()) == (3, 1, 0)


def test_a_limit_leaves_the_rest_and_counts_as_stopped_early(expired_storage):
    (result,) = results(MEMORY, limit=2)
    assert (result.pruned, result.status) == (2, "partial")
    assert expired_storage.count(expired_only=True) == 1


def test_an_instance_that_was_replaced_stops_after_its_batch(expired_storage):
    (result,) = results(MEMORY, renew=lambda: False)
    assert (result.pruned, result.status) == (2, "partial")


def test_a_flag_that_is_set_keeps_every_engine_from_starting(expired_storage):
    (result,) = results(MEMORY, flag=Flag(is_set=True))
    assert (result.pruned, result.status) == (0, "partial")
    assert expired_storage.count(expired_only=True) == 3


def test_after_a_failure_the_other_engines_are_still_pruned(expired_storage, monkeypatch):
    class Failing:
        @classmethod
        def clear_expired(cls):
            raise Away("gone")

    processes.engine("failing.sessions", Failing, monkeypatch)
    first, second = results("failing.sessions", MEMORY)
    assert (first.status, first.error) == ("failed", "Away: gone")
    assert (second.status, second.pruned) == ("done", 3)


def test_with_traceback_a_failure_is_raised(expired_storage, monkeypatch):
    broken(monkeypatch, expired_storage, "purge")
    with pytest.raises(Away):
        results(MEMORY, raises=True)


@pytest.mark.parametrize(("dry_run", "calls"), [(False, 1), (True, 0)])
def test_another_engine_prunes_itself_and_counts_nothing(
    expired_storage, monkeypatch, dry_run, calls
):
    called = []

    class Django:
        @classmethod
        def clear_expired(cls):
            called.append(cls)

    processes.engine("other.sessions", Django, monkeypatch)
    (result,) = results("other.sessions", dry_run=dry_run)
    assert (result.pruned, len(called)) == (None, calls)


def test_an_unusable_engine_stops_the_command_before_anything_is_deleted(expired_storage):
    with pytest.raises(CommandError, match=r"'no\.where' cannot be used"):
        results(MEMORY, "no.where")
    assert expired_storage.count(expired_only=True) == 3
