"""Long-running commands: one of several instances is active, and another takes over."""

from __future__ import annotations

import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from django_multisession.core import keys
from django_multisession.management import scheduler
from django_multisession.management.scheduler import JITTER, MARGIN, LeaderLoop

EVERY = 30.0
PURPOSE = "prune"


@pytest.fixture
def now(monkeypatch):
    """A clock in seconds that the test advances."""
    seconds = [1000.0]
    monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    return seconds


@pytest.fixture
def lease(monkeypatch):
    """The name of a lease of this test only: in databases leases outlive it."""
    monkeypatch.setattr(sys.modules[__name__], "PURPOSE", keys.new_handle())
    return keys.hash_key(PURPOSE)


class Waits(list):
    """A ShutdownFlag that records waits instead of waiting."""

    is_over = False

    def __bool__(self):
        return self.is_over

    def wait(self, seconds):
        self.append(seconds)


@pytest.fixture
def instance(memory_storage, lease):
    """``instance()``: a new LeaderLoop and its ``run``."""
    runs = []

    def make(storage=memory_storage):
        waits = Waits()
        it = LeaderLoop(storage, PURPOSE, EVERY, waits)
        it.waits, it.outages = waits, []
        it.run = it.turns(it.outages.append)
        runs.append(it.run)
        return it

    yield make
    for each in runs:
        with suppress(ConnectionError):  # left by a test of outages
            each.close()


def end(it):
    it.waits.is_over = True
    assert [*it.run] == []
    it.__exit__()


class TestSteady:
    def test_one_is_at_work_and_it_stays_so(self, storage, instance, clock):
        first, second = instance(storage), instance(storage)
        for _ in range(5):
            assert next(first.run) is True
            assert next(second.run) is False
            clock.advance(seconds=EVERY)

    def test_at_its_end_another_goes_on_at_once(self, storage, instance, lease):
        first, second = instance(storage), instance(storage)
        assert [next(first.run), next(second.run)] == [True, False]
        end(first)
        assert next(second.run) is True
        end(second)
        assert storage.active_leases([lease]) == {}

    def test_if_it_dies_another_takes_over_after_it(self, storage, instance, clock, lease):
        first, second = instance(storage), instance(storage)
        assert next(first.run) is True
        clock.advance(seconds=EVERY * (1 + JITTER) + MARGIN - 0.001)
        assert next(second.run) is False
        clock.advance(seconds=0.001)
        assert next(second.run) is True
        assert next(first.run) is False
        end(first)
        assert [*storage.active_leases([lease])] == [lease]
        end(second)

    def test_it_waits_about_so_long_and_never_in_step(self, instance):
        it = instance()
        for _ in range(200):
            next(it.run)
        assert EVERY * (1 - JITTER) <= min(it.waits) < EVERY < max(it.waits) <= EVERY * (1 + JITTER)
        assert len({*it.waits}) > 150

    def test_an_outage_is_told_and_it_tries_again(self, instance, memory_storage, monkeypatch):
        it = instance()
        monkeypatch.setattr(memory_storage, "outages", (ConnectionError,), raising=False)
        with monkeypatch.context() as while_gone:
            while_gone.setattr(memory_storage, "acquire_lease", gone)
            assert [next(it.run), next(it.run)] == [False, False]
            assert it.outages == ["ConnectionError: gone"] * 2
        assert next(it.run) is True
        assert len(it.outages) == 2
        monkeypatch.setattr(memory_storage, "acquire_lease", gone)
        end(it)

    def test_a_mistake_is_no_outage(self, instance, memory_storage, monkeypatch):
        monkeypatch.setattr(memory_storage, "acquire_lease", gone)
        with pytest.raises(ConnectionError):
            next(instance().run)

    def test_after_a_turn_that_raises_it_is_given_back(self, instance, memory_storage, lease):
        it = instance()
        with suppress(ZeroDivisionError), it:
            next(it.run)
            raise ZeroDivisionError
        assert memory_storage.active_leases([lease]) == {}


class TestRenew:
    @pytest.fixture
    def it(self, instance, now):
        it = instance()
        assert next(it.run) is True
        return it

    def test_now_and_then(self, it, now, memory_storage, monkeypatch):
        held, hold = [], memory_storage.acquire_lease
        monkeypatch.setattr(
            memory_storage, "acquire_lease", lambda *given: held.append(1) or hold(*given)
        )
        for _ in range(60):
            now[0] += 1
            assert it.renew() is True
        assert len(held) == 3

    def test_of_a_turn_that_takes_very_long(self, it, now, clock, instance):
        other = instance()
        for _ in range(30):
            now[0] += MARGIN / 2
            clock.advance(seconds=MARGIN / 2)
            assert it.renew() is True
            assert next(other.run) is False

    def lose(self, it, now, clock, other):
        now[0] += 1000
        clock.advance(seconds=1000)
        assert next(other.run) is True

    def test_it_is_lost(self, it, now, clock, instance):
        self.lose(it, now, clock, instance())
        assert it.renew() is False

    def test_what_is_lost_stays_so(self, it, now, clock, instance):
        self.lose(it, now, clock, instance())
        assert [it.renew(), it.renew(), it.renew()] == [False, False, False]

    def test_what_could_not_be_asked_for_is_not_there(self, it, now, memory_storage, monkeypatch):
        now[0] += 1000
        monkeypatch.setattr(memory_storage, "acquire_lease", gone)
        for _ in range(2):
            with pytest.raises(ConnectionError):
                it.renew()


def gone(*arguments):
    raise ConnectionError("gone")
