"""Pruning of expired sessions in batches, with pauses."""

from __future__ import annotations

import asyncio
import time

import pytest

from django_multisession import sessions


@pytest.fixture
def over(quick, clock):
    """``over(n)``: store n expired sessions."""

    def make(number):
        for _ in range(number):
            quick.create(expires_in=60)
        clock.advance(hours=2)

    return make


@pytest.fixture
def pauses(monkeypatch):
    """The pauses of prune() and aprune(), in seconds."""
    slept = []

    async def asleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(asyncio, "sleep", asleep)
    return slept


class ProgressCalls:
    """A progress callback that records its calls. It fails if there are too many of them."""

    def __init__(self):
        self.numbers = []

    def __call__(self, number):
        self.numbers.append(number)
        assert len(self.numbers) < 50, "it goes on for ever"


def test_what_is_over_goes_and_what_lives_stays(api, clock):
    for expires_in in (60, 60, 60, 10 * 86400):
        api.create(expires_in=expires_in, data={"_auth_user_id": "1"})
    clock.advance(hours=2)
    api.prune(batch_size=2)
    assert len(api.for_user(1)) == api.count() == 1


def test_by_batches(quick, over, pauses):
    over(5)
    progress = ProgressCalls()
    assert quick.prune(batch_size=2, progress=progress) == 5
    assert progress.numbers == [2, 4, 5]


def test_there_is_nothing_to_do(quick, pauses):
    progress = ProgressCalls()
    assert quick.prune(progress=progress, pause=1) == 0
    assert (progress.numbers, pauses) == ([0], [])


@pytest.mark.parametrize(
    ("limit", "pruned", "batches"),
    [(0, 0, []), (1, 1, [1]), (3, 3, [2, 3]), (4, 4, [2, 4]), (5, 5, [2, 4, 5]), (9, 5, [2, 4, 5])],
)
def test_no_more_than_the_limit(quick, over, pauses, limit, pruned, batches):
    over(5)
    progress = ProgressCalls()
    assert quick.prune(batch_size=2, limit=limit, progress=progress) == pruned
    assert progress.numbers == batches
    assert quick.prune() == 5 - pruned


def test_a_pause_between_two_batches(quick, over, pauses):
    over(5)
    quick.prune(batch_size=2, pause=0.5)
    assert pauses == [0.5, 0.5]


def test_no_pause_after_the_last_batch(quick, over, pauses):
    over(4)
    quick.prune(batch_size=2, pause=0.5, limit=4)
    assert pauses == [0.5]


@pytest.mark.parametrize("numbers", [{"batch_size": 0}, {"batch_size": -1}, {"limit": -1}])
def test_numbers_that_make_no_sense_are_refused(quick, over, pauses, numbers):
    """To SQLite a LIMIT of -1 means no limit; a batch of 0 would silently prune nothing."""
    over(3)
    with pytest.raises(ValueError, match="|".join(numbers)):
        quick.prune(progress=ProgressCalls(), **numbers)
    assert quick.prune() == 3


def test_a_progress_that_fails_ends_it(quick, over):
    over(3)
    with pytest.raises(ZeroDivisionError):
        quick.prune(batch_size=1, progress=lambda number: 1 / 0)
    assert quick.prune() == 2


def test_two_at_once_share_the_work(memory_storage, quick, over, monkeypatch):
    over(6)
    purge, both = memory_storage.purge, []

    def interrupted(limit, on_deleted):
        if not both:
            both.append(None)
            both[0] = sessions.prune(batch_size=2)
        return purge(limit, on_deleted)

    monkeypatch.setattr(memory_storage, "purge", interrupted)
    assert quick.prune(batch_size=2) + both[0] == 6
