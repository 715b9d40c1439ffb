"""Who ends the sessions of `races`, and what is to be said of it afterwards."""

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

PATIENCE = 60  # seconds


class Call(NamedTuple):
    """Of a public function that ends sessions, and what it left."""

    name: str
    value: str
    begun: float
    done: float
    ended: Mapping[str, Mapping[str, str]]  # handle -> references, as the signals told
    left: Mapping[str, str]  # handle -> label of what is live afterwards, whoever it belongs to


class Caller:
    """Ends sessions, while in the ``with`` block."""

    def __init__(self, over: Any) -> None:
        """``over``: the event that stops the workers, should a call not end before."""
        self.over = over
        self.calls: list[Call] = []
        self._told: dict[str, dict[str, Mapping[str, str]]] = defaultdict(dict)

    def __enter__(self) -> Caller:
        signals.session_ended.connect(self._hear)
        return self

    def __exit__(self, *error: object) -> None:
        signals.session_ended.disconnect(self._hear)

    def log_out_everywhere(self, user: Any, keep: Any = None) -> Call:
        return self._note(sessions.log_out_everywhere, ("user", str(user.pk)), (user,), keep)

    def end_matching(self, name: str, value: str) -> Call:
        return self._note(sessions.end_matching, (name, value), (name, value), None)

    def _note(self, function: Any, reference: Any, arguments: Any, keep: Any) -> Call:
        reason, begun = f"call {len(self.calls)}", time.monotonic()
        watch = Timer(PATIENCE, self.over.set)
        watch.start()
        try:
            number = function(*arguments, keep=keep, reason=reason)
        finally:
            watch.cancel()
        done, ended = time.monotonic(), self._told.pop(reason, {})
        assert done - begun < PATIENCE, "It went on for as long as people logged in."
        assert number == len(ended)
        left = {info.handle: info.label for info in sessions.all()}
        self.calls.append(Call(*reference, begun, done, ended, left))
        return self.calls[-1]

    def _hear(self, handle: str, references: Any, reason: str, **facts: Any) -> None:
        self._told[reason][handle] = references


class Judge:
    """Compares the notes of both sides. Every answer is empty, if all is well."""

    def __init__(self, calls: Sequence[Call], deeds: Iterable[Deed]) -> None:
        self.calls, self.lives = calls, defaultdict(list)
        for deed in deeds:
            self.lives[deed.label].append(deed)
        self.ended = {handle for call in calls for handle in call.ended}

    def missed(self) -> list[tuple[Call, str]]:
        """Sessions that belonged to whom a call named, from before it until after it, and were
        used, or seen, after it. (A handle that no worker ever had may be seen: on a cluster a
        session on its way to a new id is there twice for a moment, and the copy then goes.)"""
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
        """Sessions that worked, or were seen, after somebody had been told that they are gone; and
        handles that were seen after their end."""
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
        """What was ended without being meant: sessions that were gone, and no call tells of them;
        and handles that a call tells of, with references that were not asked for."""
        gone = {label for label, deeds in self.lives.items() if not all(d.worked for d in deeds)}
        unexplained = {label for label in gone if not self.ended & {*self.handles(label)}}
        return unexplained | {
            handle
            for call in self.calls
            for handle, references in call.ended.items()
            if references.get(call.name) != call.value
        }

    def alive(self) -> dict[str, str]:
        """Handle -> label of what there has to be at the end."""
        last = [deeds[-1] for deeds in self.lives.values()]
        live = {deed.handle: deed.label for deed in last if deed.worked and deed.handle}
        return {handle: label for handle, label in live.items() if handle not in self.ended}

    def refused(self) -> int:
        """How many requests were told that their session is gone."""
        return sum(not deed.worked for deeds in self.lives.values() for deed in deeds)

    def handles(self, label: str) -> Iterator[str]:
        return (deed.handle for deed in self.lives[label] if deed.handle)

    def _dead(self) -> dict[str, float]:
        """Handle -> since when: its session was ended, or got a new key."""
        dead = {handle: call.done for call in self.calls for handle in call.ended}
        for deeds in self.lives.values():
            for before, after in pairwise(deed for deed in deeds if deed.worked):
                if before.handle and before.handle != after.handle:
                    dead.setdefault(before.handle, after.done)
        return dead


def stints(deeds: Iterable[Deed], name: str, value: str) -> Iterator[tuple[float, float]]:
    """From when and until when a session belonged there for sure, as far as it was up to it."""
    since = None
    for deed in deeds:
        belongs = deed.worked and deed.belongs.get(name) == value
        if belongs and since is None:
            since = deed.done
        elif deed.worked and not belongs and since is not None:
            yield since, deed.begun
            since = None
    if since is not None:
        yield since, inf


def last_uses(deeds: Iterable[Deed]) -> list[float]:
    """When those requests began that found the session and could use it."""
    return [deed.begun for deed in deeds if deed.worked and deed.action != "log_out"]
