"""The work of ``migratesessions``: passes over a source until one finds nothing left to do."""

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

CHUNK = 100  # sessions that a worker takes at a time
SETTLED = 5.0  # seconds; longer than a request takes from storing a session to deleting its source

# The outcome for a session: moved; in the target already; ended before it was moved; expired or
# empty; cannot be stored in the target and stays in the source.
MOVED, HERE, ENDED, GONE, FAILED = OUTCOMES = ("moved", "here", "ended", "gone", "failed")


class Move:
    """A move of all sessions from a source into a storage, while requests move theirs as well.

    A moved session is deleted in the source, so an interrupted move continues where it stopped
    when it is run again. ``outcomes``: the number of sessions with each outcome. ``faults``:
    handle -> why the session cannot be stored.
    """

    def __init__(
        self, source: Source, storage: Storage, stop: ShutdownFlag, *, workers: int
    ) -> None:
        self.source, self.storage, self.stop, self.workers = source, storage, stop, workers
        self.outcomes = Counter[str](dict.fromkeys(OUTCOMES, 0))
        self.faults: dict[str, str] = {}
        self._present: dict[str, float] = {}  # sessions in both -> time of the first sighting

    def run(self, progress: Callable[[int], object]) -> None:
        """Run passes until one moves nothing. Raises NotListable and the errors of both servers."""
        while not self.stop:
            moved = self.outcomes[MOVED]
            known, self._present = self._present, {}
            self._pass(partial(self._move, known=known), progress)
            if self.outcomes[MOVED] == moved and not self._present:
                break
            self.stop.wait(SETTLED if self._present else 0)

    def count(self, progress: Callable[[int], object]) -> None:
        """Count the outcomes that run() would have, and write nothing."""
        self._pass(self._predict, progress)

    def _pass(self, act: Callable[[Listed], str], progress: Callable[[int], object]) -> None:
        """Apply ``act`` to every session of the source.

        A session that is used meanwhile may be missed, or found while a request moves it.
        """
        self.faults.clear()
        self.outcomes.update({name: -self.outcomes[name] for name in (HERE, GONE, FAILED)})
        for outcome in self._outcomes(self.source.iterate(), act):
            self.outcomes[outcome] += 1
            progress(self.outcomes.total())

    def _outcomes(self, listed: Iterator[Listed], act: Callable[[Listed], str]) -> Iterator[str]:
        """Yield the outcome of each session, in any order. Several workers run at once."""
        with ThreadPoolExecutor(self.workers) as pool:
            while not self.stop:
                chunks = [list(islice(listed, CHUNK)) for _ in range(2 * self.workers)]
                for outcomes in pool.map(lambda chunk: self._apply(chunk, act), chunks):
                    yield from outcomes
                if not chunks[-1]:
                    break

    def _apply(self, chunk: list[Listed], act: Callable[[Listed], str]) -> list[str]:
        """Apply ``act`` to a chunk, in a worker thread with database connections of its own."""
        try:
            return [act(listed) for listed in chunk if not self.stop]
        finally:
            connections.close_all()

    def _move(self, listed: Listed, known: Mapping[str, float]) -> str:
        """Move one session and return its outcome.

        ``known``: sessions that the pass before found in both engines.
        """
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
        # Either a request is moving it just now, or one died after it had stored the session.
        since = known.get(handle, time.monotonic())
        if time.monotonic() - since >= SETTLED:
            self.source.remove(name)
        else:
            self._present[handle] = since
        return HERE

    def _predict(self, listed: Listed) -> str:
        """Return the outcome that _move() would have."""
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
