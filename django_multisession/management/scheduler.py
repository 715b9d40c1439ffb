"""Long-running commands: stopping on a signal, and one active instance of several."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from math import inf
from queue import Empty, SimpleQueue
from random import uniform
from secrets import token_hex
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from ..core import keys
from ..storage.base import Storage

RETRY = 30.0  # seconds to wait after an outage, at most
JITTER = 0.1  # the interval varies by this fraction
MARGIN = 60.0  # seconds a lease lasts beyond the next turn; then a standby takes over


class ShutdownFlag:
    """A flag that SIGTERM, SIGINT or a time limit sets. A context manager.

    The command finishes its current batch before it stops. A second signal raises
    KeyboardInterrupt, which stops it at once. Only the main thread may handle signals; in other
    threads only the time limit works.
    """

    def __init__(self, after: timedelta | None = None) -> None:
        """``after``: the time limit; None for none."""
        self._is_set = False
        self._wakes = SimpleQueue[
            None
        ]()  # a signal may come while the lock of an Event is held: deadlock
        with suppress(Empty):
            # Before CPython 3.13 the first get() never returns if its timeout passes before it has
            # started to wait, which may happen with a timeout of 0. So this get() is the first.
            self._wakes.get_nowait()
        self._until = None if after is None else time.monotonic() + after.total_seconds()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> ShutdownFlag:
        if current_thread() is main_thread():  # others may not handle signals
            for number in (signal.SIGTERM, signal.SIGINT):
                self._handlers[number] = signal.signal(number, self._set)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self._is_set or (self._until is not None and time.monotonic() >= self._until)

    def wait(self, seconds: float) -> bool:
        """Wait until the flag is set, for ``seconds`` at most. Return whether it is set."""
        left = seconds if self._until is None else self._until - time.monotonic()
        if not self:
            with suppress(Empty):
                self._wakes.get(timeout=max(0.0, min(seconds, left)))
        return bool(self)

    def _set(self, number: int, frame: FrameType | None) -> None:
        if self._is_set:
            raise KeyboardInterrupt
        self._is_set = True
        self._wakes.put(None)


class LeaderLoop:
    """A periodic loop in which only the instance that has the lease does the work.

    Instances with the same purpose share a lease, in a storage that all of them reach. It lasts
    for MARGIN seconds beyond the next turn: the active instance renews it in time, and if its
    machine dies, another instance takes over.
    """

    def __init__(self, storage: Storage, purpose: str, every: float, stop: ShutdownFlag) -> None:
        """``purpose``: text that all instances with the same work share. ``every``: seconds."""
        self._storage, self._every, self._stop = storage, every, stop
        self._lease, self._owner = keys.hash_key(purpose), token_hex(16)
        self._renewed = -inf

    def __enter__(self) -> LeaderLoop:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(*self._storage.outages):
            self._storage.acquire_lease(self._lease, self._owner, self._storage.clock())

    def turns(self, report: Callable[[str], object]) -> Iterator[bool]:
        """Yield whether this instance is active, once an interval, until the flag is set.

        ``report`` is called with a message about each outage of the storage.
        """
        while not self._stop:
            pause, is_active = self._every, False
            try:
                is_active = self._acquire_lease()
            except self._storage.outages as error:
                pause = min(pause, RETRY)
                report(f"{type(error).__name__}: {error}")
            yield is_active
            self._stop.wait(pause * uniform(1 - JITTER, 1 + JITTER))  # noqa: S311

    def renew(self) -> bool:
        """Renew the lease during a long turn, if it is due. Return False if it is lost.

        A lease is lost if the process stood still for longer than it lasts.
        """
        is_fresh = time.monotonic() - self._renewed < MARGIN / 3
        return is_fresh or self._acquire_lease()

    def _acquire_lease(self) -> bool:
        begun, self._renewed = time.monotonic(), -inf
        lifetime = timedelta(seconds=self._every * (1 + JITTER) + MARGIN)
        is_acquired = self._storage.acquire_lease(
            self._lease, self._owner, self._storage.clock() + lifetime
        )
        self._renewed = begun if is_acquired else -inf
        return is_acquired
