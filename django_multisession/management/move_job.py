"""What ``migratesessions`` does: passes over a source, until one has nothing left to do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from django.db import connections

from ..core import keys
from ..storage.base import SessionTooLarge, Storage
from ..transfer import on_demand, tombstones
from ..transfer.base import CannotMove, Listed, Source
from .scheduler import ShutdownFlag

CHUNK = 100  # sessions a worker takes at a time
SETTLED = 5.0  # seconds; no request waits as long between storing a session and deleting it there

# What became of a session: moved; here already; ended here before it came; over, or nothing in it;
# cannot be stored here, and stays where it is.
MOVED, HERE, ENDED, GONE, FAILED = OUTCOMES = ("moved", "here", "ended", "gone", "failed")


class Move:
    """From a source into a storage, while requests do the same. Interrupted, it goes on where it
    stopped the next time, because what was moved is no longer there.

    ``outcomes``: how many sessions of each. ``faults``: handle -> why it failed.
    """

    def __init__(
        self, source: Source, storage: Storage, stop: ShutdownFlag, *, workers: int
    ) -> None:
        self.source, self.storage, self.stop, self.workers = source, storage, stop, workers
        self.outcomes = Counter[str](dict.fromkeys(OUTCOMES, 0))
        self.faults: dict[str, str] = {}
        self._met: dict[str, float] = {}  # those that were here already -> since when we know

    def run(self, progress: Callable[[int], object]) -> None:
        """Raises NotListable, and what a server raises that is not to be had."""
        while not self.stop:
            moved = self.outcomes[MOVED]
            known, self._met = self._met, {}
            self._pass(partial(self._move, known=known), progress)
            if self.outcomes[MOVED] == moved and not self._met:
                break
            self.stop.wait(SETTLED if self._met else 0)

    def look(self, progress: Callable[[int], object]) -> None:
        """The same outcomes, but nothing is written."""
        self._pass(self._look, progress)

    def _pass(self, act: Callable[[Listed], str], progress: Callable[[int], object]) -> None:
        """A session that is used meanwhile may be missed, or met while a request moves it."""
        self.faults.clear()
        self.outcomes.update({each: -self.outcomes[each] for each in (HERE, GONE, FAILED)})
        for outcome in self._outcomes(self.source.iterate(), act):
            self.outcomes[outcome] += 1
            progress(self.outcomes.total())

    def _outcomes(self, listed: Iterator[Listed], act: Callable[[Listed], str]) -> Iterator[str]:
        """In no order; several workers at once."""
        with ThreadPoolExecutor(self.workers) as pool:
            while not self.stop:
                chunks = [list(islice(listed, CHUNK)) for _ in range(2 * self.workers)]
                for outcomes in pool.map(lambda chunk: self._each(chunk, act), chunks):
                    yield from outcomes
                if not chunks[-1]:
                    break

    def _each(self, chunk: list[Listed], act: Callable[[Listed], str]) -> list[str]:
        """In a thread of its own, and with connections to the database of its own."""
        try:
            return [act(listed) for listed in chunk if not self.stop]
        finally:
            connections.close_all()

    def _move(self, listed: Listed, known: Mapping[str, float]) -> str:
        """``known``: those that the pass before has met."""
        name, read = listed
        handle = keys.to_handle(name)
        try:
            record = read()
            if record is None:
                return GONE
            stored = on_demand.import_session(self.storage, self.source, name, handle, record)
        except (CannotMove, SessionTooLarge) as reason:
            self.faults[handle] = str(reason)
            return FAILED
        if stored is None:
            return ENDED
        if stored is record:
            return MOVED
        # Either a request is just moving it, or one died when it had stored it.
        since = known.get(handle, time.monotonic())
        if time.monotonic() - since >= SETTLED:
            self.source.remove(name)
        else:
            self._met[handle] = since
        return HERE

    def _look(self, listed: Listed) -> str:
        name, read = listed
        handle = keys.to_handle(name)
        try:
            record = read()
        except CannotMove as reason:
            self.faults[handle] = str(reason)
            return FAILED
        if record is None:
            return GONE
        if self.storage.read(handle, ()):
            return HERE
        return ENDED if tombstones.exists(self.storage, self.source, handle, record) else MOVED
