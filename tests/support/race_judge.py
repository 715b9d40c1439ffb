"""The caller that ends the sessions of `races`, and the judge of the result."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from threading import Timer
from typing import Any, NamedTuple

from django_multisession import sessions, signals
from support.races import Deed

CALL_TIMEOUT = 60  # seconds


class Call(NamedTuple):
    """A call of a public function that ends sessions, and the sessions that it left."""

    name: str
    value: str
    begun: float
    done: float
    ended: Mapping[str, Mapping[str, str]]  # handle -> references, from the signals
    left: Mapping[str, str]  # handle -> label of what is live afterwards, of every user


class Caller:
    """Ends sessions, and records the signals while in the ``with`` block."""

    def __init__(self, over: Any) -> None:
        """``over`` is the event that stops the workers if a call does not return in time."""
        self.over = over
        self.calls: list[Call] = []
        self._reported: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)

    def __enter__(self) -> Caller:
        signals.session_ended.connect(self._record)
        return self

    def __exit__(self, *error: object) -> None:
        signals.session_ended.disconnect(self._record)

    def log_out_everywhere(self, user: Any, keep: Any = None) -> Call:
        return self._call(sessions.log_out_everywhere, ("user", str(user.pk)), (user,), keep)

    def end_matching(self, name: str, value: str) -> Call:
        return self._call(sessions.end_matching, (name, value), (name, value), None)

    def _call(self, function: Any, reference: Any, arguments: Any, keep: Any) -> Call:
        reason, begun = f"call {len(self.calls)}", time.monotonic()
        watch = Timer(CALL_TIMEOUT, self.over.set)
        watch.start()
        try:
            number = function(*arguments, keep=keep, reason=reason)
        finally:
            watch.cancel()
        done, ended = time.monotonic(), self._reported.pop(reason, {})
        assert done - begun < CALL_TIMEOUT, "It went on for as long as people logged in."
        assert number == len(ended)
        left = {info.handle: info.label for info in sessions.all()}
        self.calls.append(Call(*reference, begun, done, ended, left))
        return self.calls[-1]

    def _record(self, handle: str, references: Any, reason: str, **arguments: Any) -> None:
        self._reported[reason][handle] = references


class Judge:
    """Compares the calls with the workers' deeds. Each result is empty if nothing went wrong."""

    def __init__(self, calls: Sequence[Call], deeds: Iterable[Deed]) -> None:
        self.calls, self.lives = calls, defaultdict(list)
        for deed in deeds:
            self.lives[deed.label].append(deed)
        self.ended = {handle for call in calls for handle in call.ended}

    def missed(self) -> list[tuple[Call, str]]:
        """Return the sessions that a call should have ended and did not.

        They had the reference from before the call until after it, and were used or listed after
        it. A handle that no worker ever had may be listed: on a cluster, a session that gets a new
        id exists twice for a moment, and then the copy is deleted.
        """
        found = []
        for label, deeds in self.lives.items():
            handles, used = {*self.handles(label)}, max(last_uses(deeds), default=-inf)
            for reference in {(call.name, call.value) for call in self.calls}:
                for since, until in stints(deeds, *reference):
                    found += [
                        (call, label)
                        for call in self.calls
                        if (call.name, call.value) == reference
                        and since < call.begun
                        and call.done < until
                        and (used > call.done or handles & call.left.keys())
                    ]
        return found

    def resurrected(self) -> set[str]:
        """Return what came back after its end.

        These are sessions that were used or listed after a request had been refused, and handles
        that were listed after their end.
        """
        dead, gone = self._dead(), {}
        back = set()
        for label, deeds in self.lives.items():
            refused = [deed.done for deed in deeds if not deed.worked]
            gone[label] = min(refused, default=inf)
            back |= {label} if any(use > gone[label] for use in last_uses(deeds)) else set()
        for call in self.calls:
            back |= {handle for handle in call.left if dead.get(handle, inf) <= call.done}
            back |= {label for label in call.left.values() if gone.get(label, inf) < call.done}
        return back

    def mistaken(self) -> set[str]:
        """Return what was ended by mistake.

        These are sessions that are gone without a call that reported them, and handles that a call
        reported with other references than it was given.
        """
        gone = {label for label, deeds in self.lives.items() if not all(d.worked for d in deeds)}
        unexplained = {label for label in gone if not self.ended & {*self.handles(label)}}
        return unexplained | {
            handle
            for call in self.calls
            for handle, references in call.ended.items()
            if references.get(call.name) != call.value
        }

    def alive(self) -> dict[str, str]:
        """Return handle -> label of the sessions that must be live at the end."""
        last = [deeds[-1] for deeds in self.lives.values()]
        live = {deed.handle: deed.label for deed in last if deed.worked and deed.handle}
        return {handle: label for handle, label in live.items() if handle not in self.ended}

    def refused(self) -> int:
        """Return the number of requests that were refused because their session was gone."""
        return sum(not deed.worked for deeds in self.lives.values() for deed in deeds)

    def handles(self, label: str) -> Iterator[str]:
        return (deed.handle for deed in self.lives[label] if deed.handle)

    def _dead(self) -> dict[str, float]:
        """Return handle -> the time since which it is invalid."""
        dead = {handle: call.done for call in self.calls for handle in call.ended}
        for deeds in self.lives.values():
            for before, after in pairwise(deed for deed in deeds if deed.worked):
                if before.handle and before.handle != after.handle:
                    dead.setdefault(before.handle, after.done)
        return dead


def stints(deeds: Iterable[Deed], name: str, value: str) -> Iterator[tuple[float, float]]:
    """Yield from when until when a session certainly had the reference, if it was not ended."""
    since = None
    for deed in deeds:
        has_reference = deed.worked and deed.references.get(name) == value
        if has_reference and since is None:
            since = deed.done
        elif deed.worked and not has_reference and since is not None:
            yield since, deed.begun
            since = None
    if since is not None:
        yield since, inf


def last_uses(deeds: Iterable[Deed]) -> list[float]:
    """Return when the requests began that found the session."""
    return [deed.begun for deed in deeds if deed.worked and deed.action != "log_out"]
