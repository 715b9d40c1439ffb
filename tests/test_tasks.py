"""The task for Django's task framework (Django 6.0 and later)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from support.project import install
from support.prune_processes import add

tasks = pytest.importorskip("django.tasks", reason="Django 5.2 has no tasks")

MINUTE = timedelta(minutes=1)


@pytest.fixture
def over(memory_storage, clock, settings, monkeypatch):
    """Five expired sessions and a live one."""
    install(memory_storage, settings, monkeypatch)
    add(memory_storage, 5, MINUTE)
    add(memory_storage, 1, timedelta(days=1), first=5)
    clock.advance(hours=2)
    return memory_storage


@pytest.fixture
def task():
    from django_multisession.tasks import prune_sessions

    return prune_sessions


IMMEDIATE, DUMMY = (
    {"default": {"BACKEND": f"django.tasks.backends.{name}Backend"}}
    for name in ("immediate.Immediate", "dummy.Dummy")
)


class TestImmediately:
    @pytest.fixture(autouse=True)
    def immediate(self, settings):
        settings.TASKS = IMMEDIATE

    @pytest.mark.parametrize(
        ("arguments", "pruned"),
        [({}, 5), ({"limit": 2}, 2), ({"batch_size": 2, "pause": 0}, 5), ({"limit": 9}, 5)],
    )
    def test_it_prunes(self, over, task, arguments, pruned):
        result = task.enqueue(**arguments)
        assert result.status == tasks.TaskResultStatus.SUCCESSFUL
        assert result.return_value == pruned
        assert (over.count(expired_only=True), over.count()) == (5 - pruned, 1)

    def test_it_can_be_called(self, over, task):
        assert task.call(3) == 5

    def test_it_can_be_awaited(self, over, task):
        assert async_to_sync(task.aenqueue)(limit=2).return_value == 2

    def test_numbers_that_make_no_sense_fail_it(self, over, task):
        result = task.enqueue(batch_size=0)
        assert result.status == tasks.TaskResultStatus.FAILED
        assert result.errors[0].exception_class is ValueError
        assert over.count(expired_only=True) == 5


def test_it_waits_in_a_queue_for_a_worker(settings, over, task):
    settings.TASKS = DUMMY
    result = task.enqueue(batch_size=10, pause=0.1)
    assert result.status == tasks.TaskResultStatus.READY
    assert result.kwargs == {"batch_size": 10, "pause": 0.1}
    assert over.count(expired_only=True) == 5
