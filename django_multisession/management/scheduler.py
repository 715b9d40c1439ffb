"""Commands that run for long: they end when told to, and one of several instances is at work."""

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

RETRY = 30.0  # seconds after an outage, at most
JITTER = 0.1  # of the time between two turns
MARGIN = 60.0  # seconds a lease lasts beyond the next turn: then a stand-by takes over


class ShutdownFlag:
    """Set by SIGTERM and SIGINT, or when the time is over. What is under way is finished first; a
    second signal does not wait for that."""

    def __init__(self, after: timedelta | None = None) -> None:
        self._is_set = False
        self._wakes = SimpleQueue[None]()  # an Event's lock could be taken when a signal comes
        with suppress(Empty):
            # Until CPython 3.13 the first get() never returns if its time is over before it has
            # begun to wait, which a time of 0 may be. This is the first.
            self._wakes.get_nowait()
        self._until = None if after is None else time.monotonic() + after.total_seconds()
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> ShutdownFlag:
        if current_thread() is main_thread():  # elsewhere nobody may handle signals
            for number in (signal.SIGTERM, signal.SIGINT):
                self._handlers[number] = signal.signal(number, self._set)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self._is_set or (self._until is not None and time.monotonic() >= self._until)

    def wait(self, seconds: float) -> bool:
        """For so long, or until it is set: is it?"""
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
    """Turns, one after the other; ours as long as we have the lease.

    The lease is kept in a storage that all instances share. It lasts until a while after the next
    turn, so whoever has it keeps it, and if its machine dies, another takes over. Who does the
    same has the same lease.
    """

    def __init__(self, storage: Storage, purpose: str, every: float, stop: ShutdownFlag) -> None:
        """``every``: seconds."""
        self._storage, self._every, self._stop = storage, every, stop
        self._lease, self._owner = keys.hash_key(purpose), token_hex(16)
        self._renewed = -inf

    def __enter__(self) -> LeaderLoop:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(*self._storage.outages):
            self._storage.acquire_lease(self._lease, self._owner, self._storage.clock())

    def turns(self, tell: Callable[[str], object]) -> Iterator[bool]:
        """Is it ours? Until it is to stop. ``tell`` is told of outages."""
        while not self._stop:
            pause, is_ours = self._every, False
            try:
                is_ours = self._hold()
            except self._storage.outages as error:
                pause = min(pause, RETRY)
                tell(f"{type(error).__name__}: {error}")
            yield is_ours
            self._stop.wait(pause * uniform(1 - JITTER, 1 + JITTER))  # noqa: S311

    def renew(self) -> bool:
        """In the course of a long turn. False: it is lost, after a long pause for example."""
        is_fresh = time.monotonic() - self._renewed < MARGIN / 3
        return is_fresh or self._hold()

    def _hold(self) -> bool:
        begun, self._renewed = time.monotonic(), -inf
        lifetime = timedelta(seconds=self._every * (1 + JITTER) + MARGIN)
        is_ours = self._storage.acquire_lease(
            self._lease, self._owner, self._storage.clock() + lifetime
        )
        self._renewed = begun if is_ours else -inf
        return is_ours
