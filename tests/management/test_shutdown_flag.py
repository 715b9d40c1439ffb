"""The flag that stops long-running commands, set by a signal or a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from threading import Thread, Timer
from types import SimpleNamespace

import pytest

from django_multisession.management import scheduler
from django_multisession.management.scheduler import ShutdownFlag


@pytest.fixture
def now(monkeypatch):
    """A clock in seconds that the test advances."""
    seconds = [1000.0]
    monkeypatch.setattr(scheduler, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    return seconds


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_by_a_signal(self, number):
        before = signal.getsignal(number)
        with ShutdownFlag() as stop:
            assert not stop
            signal.raise_signal(number)
            assert stop
        assert stop
        assert signal.getsignal(number) is before

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_a_wait(self, number):
        with ShutdownFlag() as stop:
            timer = Timer(0.1, os.kill, (os.getpid(), number))
            timer.start()
            begun = time.monotonic()
            stop.wait(20)
            timer.join()
        assert time.monotonic() - begun < 5
        assert stop

    def test_by_the_time(self, now):
        stop = ShutdownFlag(timedelta(seconds=10))
        now[0] += 9.5
        assert not stop
        now[0] += 0.5
        assert stop

    @pytest.mark.parametrize("seconds", [0, 1e-7])
    def test_a_wait_for_hardly_any_time_ends(self, seconds):
        """CPython's queue may ignore the timeout: in one first wait of some thousands."""
        waiting = Thread(
            target=lambda: [ShutdownFlag().wait(seconds) for _ in range(20_000)], daemon=True
        )
        waiting.start()
        waiting.join(30)
        assert not waiting.is_alive()

    def test_it_waits_no_longer_than_that(self):
        stop = ShutdownFlag(timedelta(seconds=0.1))
        begun = time.monotonic()
        stop.wait(20)
        stop.wait(20)
        assert 0.1 <= time.monotonic() - begun < 5
        assert stop

    def test_never(self, now):
        stop = ShutdownFlag()
        stop.wait(0)
        now[0] += 10**9
        assert not stop

    def test_in_a_thread_signals_are_not_its_own(self):
        before, stopped = signal.getsignal(signal.SIGTERM), []

        def run():
            with ShutdownFlag() as stop:
                stopped.append((bool(stop), signal.getsignal(signal.SIGTERM)))

        thread = Thread(target=run)
        thread.start()
        thread.join()
        assert stopped == [(False, before)]

    def test_a_signal_in_any_moment_of_a_wait(self):
        program = """if True:
            import signal, sys, threading
            from django_multisession.management.scheduler import ShutdownFlag

            def at_once(frame, event, argument):
                if frame.f_code is threading.Condition.wait.__code__:
                    sys.settrace(None)
                    signal.raise_signal(signal.SIGTERM)
                return at_once

            with ShutdownFlag() as stop:
                sys.settrace(at_once)
                stop.wait(0.1)
                sys.settrace(None)
        """
        subprocess.run([sys.executable, "-c", program], check=True, timeout=10)
