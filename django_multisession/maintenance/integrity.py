"""Examines the engine in use: can it do what sessions need, and is what it holds consistent?"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from .. import conf
from ..core import keys
from ..core.fields import Fields
from ..core.record import Change, Record
from ..engine import store
from ..storage.base import Finding, Storage
from .pruning import Progress
from .reindexing import reindex_one, repaired

LIVES = 3  # taken through, to time each verb when connections and statements are there
LIFETIME = timedelta(minutes=5)  # of the session that is thrown away, if it is left over
VALUE = "checksessions"  # what it belongs to


class WrongAnswer(Exception):
    """A verb answered, and not as it promises."""


@dataclass
class Report:
    """``timings``: verb -> seconds, at best. ``looked_at``: sessions; ``about``: of how many."""

    engine: str
    findings: list[Finding] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    looked_at: int = 0
    about: int = 0
    repaired: int = 0


class SelfTest:
    """Of a session that is thrown away, from verb to verb. Nobody is told of it."""

    def __init__(self, storage: Storage, timings: dict[str, float]) -> None:
        self.storage, self.timings = storage, timings
        self.id, self.new_id = keys.new_handle(), keys.new_handle()
        self.lease = keys.new_handle()
        now = storage.clock()
        self.record = Record(
            fields={"checksessions": b'"a value"'},
            created_at=now,
            last_seen_at=now,
            expires_at=now + LIFETIME,
            references=dict.fromkeys(conf.references(), f"{VALUE} {self.id}"),
        )

    def run(self) -> Iterator[Finding]:
        """What fails, or is answered wrongly. The first one is the last."""
        try:
            for verb, call, wanted in self._steps():
                begun = time.perf_counter()
                answer = call()
                took = time.perf_counter() - begun
                self.timings[verb] = min(took, self.timings.get(verb, took))
                if answer != wanted:
                    raise WrongAnswer(f"what was to be {wanted!r} is {answer!r}")
        except Exception as error:  # of whatever client library
            yield _failure(verb, error)
            self._clean_up()

    def _steps(self) -> Iterable[tuple[str, Callable[[], Any], Any]]:
        storage, old, new = self.storage, self.id, self.new_id
        fields = dict(self.record.fields)
        change = Change(set={"other": b"1"}, last_seen_at=self.record.last_seen_at)
        seen = Change(last_seen_at=self.record.last_seen_at, expires_at=self.record.expires_at)
        until = storage.clock() + LIFETIME
        return [
            ("insert", lambda: storage.insert(old, self.record), True),
            ("read", lambda: self._fields(old), fields),
            ("update", lambda: storage.update(old, change), True),
            ("touch", lambda: storage.update(old, seen), True),
            ("find", self._found, {name: [old] for name in self.record.references}),
            ("rename", lambda: storage.rename(old, new, Change()), True),
            ("read the old id", lambda: storage.read(old), None),
            ("read the new id", lambda: self._fields(new), {**fields, "other": b"1"}),
            ("find again", self._found, {name: [new] for name in self.record.references}),
            ("page", lambda: storage.page(None, 10) is not None, True),
            ("delete", lambda: storage.delete(new) is not None, True),
            ("read nothing", lambda: storage.read(new), None),
            ("acquire_lease", lambda: storage.acquire_lease(self.lease, VALUE, until), True),
            ("give back", lambda: storage.acquire_lease(self.lease, VALUE, storage.clock()), True),
        ]

    def _fields(self, id: str) -> dict[str, bytes] | None:
        record = self.storage.read(id)
        return None if record is None else dict(record.fields)

    def _found(self) -> dict[str, list[str]]:
        find, references = self.storage.find, self.record.references.items()
        return {name: [id for id, _ in find(name, value)] for name, value in references}

    def _clean_up(self) -> None:
        with suppress(Exception):  # it is over in some minutes
            for id in (self.id, self.new_id):
                self.storage.delete(id)
            self.storage.acquire_lease(self.lease, VALUE, self.storage.clock())


def check(
    *,
    full: bool = False,
    repair: bool = False,
    sample: int = 1000,
    progress: Progress | None = None,
) -> Report:
    """Ask the server, try every verb, and look at ``sample`` sessions, or with ``full`` at all.

    ``repair``: put right what can be: an index that lacks a session, references that are not what
    the fields say. Two round trips for each session, and one for each user among them.
    """
    report, storage = Report(store().__module__), store().storage
    try:
        report.findings += storage.diagnose()
    except Exception as error:  # of whatever client library
        report.findings.append(_failure("asking the server", error))
        return report
    for _ in range(LIVES):
        report.findings += (failures := [*SelfTest(storage, report.timings).run()])
        if failures:
            return report
    examination = ConsistencyScan(storage, repair=repair)
    try:
        some, report.about = ([], storage.count()) if full else storage.sample(sample)
        for report.looked_at, each in enumerate(
            chain.from_iterable(storage.pages()) if full else some, 1
        ):
            examination.look(*each)
            if progress is not None:
                progress(report.looked_at)
    except Exception as error:
        report.findings.append(_failure("looking at sessions", error))
    report.findings += examination.findings()
    report.repaired = examination.repaired
    return report


class ConsistencyScan:
    """Of sessions, one by one. What ends meanwhile is passed over."""

    def __init__(self, storage: Storage, *, repair: bool) -> None:
        self.storage, self.repair = storage, repair
        self.corrupt: dict[str, list[str]] = defaultdict(list)  # field -> handles
        self.strayed: list[str] = []  # that belong to others than their fields say
        self.unlisted: list[str] = []  # that the index lacks
        self.repaired = 0
        self._known: dict[tuple[str, str], set[str]] = {}  # reference -> handles in the index

    def look(self, handle: str, _: Record) -> None:
        record = self.storage.read(handle)
        if record is None or not record.is_live(self.storage.clock()):
            return
        fields = Fields(store().policy().serializer, record.fields, handle)
        for name in filter(fields.is_corrupt, record.fields):
            self.corrupt[name].append(handle)
        is_listed = all(self._is_listed(handle, *each) for each in record.references.items())
        has_strayed = repaired(handle, record) is not None
        if self.repair and (has_strayed or not is_listed):
            self._repair(handle, record, is_listed)
        elif has_strayed:
            self.strayed.append(handle)
        elif not is_listed:
            self.unlisted.append(handle)

    def findings(self) -> Iterator[Finding]:
        for name, handles in self.corrupt.items():
            problem = (
                f"The field {name!r} cannot be decoded in {_some(handles)}; it reads as absent."
            )
            remedy = "See whether SESSION_SERIALIZER is the same on every host; or end them."
            yield Finding("corrupt", problem, remedy)
        if self.strayed:
            verb = "belongs" if len(self.strayed) == 1 else "belong"
            problem = f"{_some(self.strayed)} {verb} to others than the fields say."
            yield Finding("references", problem, "Run: manage.py reindexsessions, or use --repair.")
        if self.unlisted:
            problem = f"The index lacks {_some(self.unlisted)}: they are not listed, and not ended "
            problem += "everywhere."
            yield Finding("index", problem, "Use --repair, with --full for those not looked at.")

    def _repair(self, handle: str, record: Record, is_listed: bool) -> None:
        """What the fields say comes last: a request may have moved the session meanwhile."""
        references = {} if is_listed else dict(record.references)
        if self.storage.update(handle, Change(references=references)):
            reindex_one(handle)
            self.repaired += 1

    def _is_listed(self, handle: str, name: str, value: str) -> bool:
        """By what the index said when first asked; then by what it says now."""
        if handle not in self._known.get((name, value), ()):
            self._known[name, value] = {id for id, _ in self.storage.find(name, value)}
        is_listed = handle in self._known[name, value]
        return is_listed or not self._still_has(handle, name, value)

    def _still_has(self, handle: str, name: str, value: str) -> bool:
        record = self.storage.read(handle, ())
        return record is not None and record.references.get(name) == value


def _failure(verb: str, error: Exception) -> Finding:
    problem = f"{verb} fails: {type(error).__name__}: {error}"
    remedy = "Start the server, or correct the settings that say where it is, and who asks."
    if isinstance(error, WrongAnswer):
        remedy = "See what is in between: a replica that lags, or a proxy that keeps answers."
    return Finding("failure", problem[0].upper() + problem[1:], remedy)


def _some(handles: list[str]) -> str:
    shown = ", ".join(handles[:3]) + (", ..." if len(handles) > 3 else "")
    return f"{len(handles):,} session{'s'[: len(handles) > 1]} ({shown})"
