"""Checks of the configured engine: its server, its operations and the sessions it stores."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from .. import conf
from ..core import keys
from ..core.fields import Fields
from ..core.record import Change, Record
from ..engine import store
from ..storage.base import Finding, Storage
from .pruning import Progress
from .reindexing import reference_change, reindex_one
from .wording import list_sessions

SELF_TESTS = 3  # the first one also pays for connecting and compiling; the best time is reported
LIFETIME = timedelta(minutes=5)  # of the test session and its lease, should they be left behind
OWNER = "checksessions"  # value of the test session's references, and owner of its lease


class WrongAnswer(Exception):
    """Raised when a storage operation returns something else than its contract promises."""


@dataclass
class Report:
    """The result of check().

    ``timings``: step of the self-test -> best time, in seconds. ``looked_at``: the number of
    sessions checked. ``about``: the approximate number of sessions in the storage. ``repaired``:
    the number of sessions repaired.
    """

    engine: str
    findings: list[Finding] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    looked_at: int = 0
    about: int = 0
    repaired: int = 0


class SelfTest:
    """One pass through every storage operation with a test session. No signal is sent."""

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
            references=dict.fromkeys(conf.references(), f"{OWNER} {self.id}"),
        )

    def run(self) -> Iterator[Finding]:
        """Run the steps and yield the first failure: later ones would only follow from it."""
        try:
            for step, call, expected in self._steps():
                started = time.perf_counter()
                answer = call()
                seconds = time.perf_counter() - started
                self.timings[step] = min(seconds, self.timings.get(step, seconds))
                if answer != expected:
                    raise WrongAnswer(f"expected {expected!r}, got {answer!r}")
        except Exception as error:  # any client library's
            yield _failure(step, error)
            self._clean_up()

    def _steps(self) -> Iterable[tuple[str, Callable[[], Any], Any]]:
        """Return name, call and expected answer of each step."""
        storage, old, new = self.storage, self.id, self.new_id
        fields = dict(self.record.fields)
        change = Change(set={"other": b"1"}, last_seen_at=self.record.last_seen_at)
        touch = Change(last_seen_at=self.record.last_seen_at, expires_at=self.record.expires_at)
        until = storage.clock() + LIFETIME
        return [
            ("insert", lambda: storage.insert(old, self.record), True),
            ("read", lambda: self._fields(old), fields),
            ("update", lambda: storage.update(old, change), True),
            ("touch", lambda: storage.update(old, touch), True),
            ("find", self._find, {name: [old] for name in self.record.references}),
            ("rename", lambda: storage.rename(old, new, Change()), True),
            ("read old id", lambda: storage.read(old), None),
            ("read new id", lambda: self._fields(new), {**fields, "other": b"1"}),
            ("find new id", self._find, {name: [new] for name in self.record.references}),
            ("page", lambda: storage.page(None, 10) is not None, True),
            ("delete", lambda: storage.delete(new) is not None, True),
            ("read deleted id", lambda: storage.read(new), None),
            ("acquire lease", lambda: storage.acquire_lease(self.lease, OWNER, until), True),
            (
                "release lease",
                lambda: storage.acquire_lease(self.lease, OWNER, storage.clock()),
                True,
            ),
        ]

    def _fields(self, id: str) -> dict[str, bytes] | None:
        record = self.storage.read(id)
        return None if record is None else dict(record.fields)

    def _find(self) -> dict[str, list[str]]:
        find, references = self.storage.find, self.record.references.items()
        return {name: [id for id, _ in find(name, value)] for name, value in references}

    def _clean_up(self) -> None:
        with suppress(Exception):  # what is left expires after LIFETIME
            for id in (self.id, self.new_id):
                self.storage.delete(id)
            self.storage.acquire_lease(self.lease, OWNER, self.storage.clock())


def check(
    *,
    full: bool = False,
    repair: bool = False,
    sample: int = 1000,
    progress: Progress | None = None,
) -> Report:
    """Check the configured engine and return a report. Failures of the server are findings.

    Three steps: ask the server for its configuration, try every storage operation with a test
    session, and check the consistency of stored sessions. The first failure of the first two steps
    ends the check.

    ``sample``: the number of sessions to check; ``full``: check all of them. ``repair``: add
    sessions that the index lacks, and update references that differ from the session's fields.
    ``progress`` is called with the number of sessions checked so far. Two round trips for each
    session, and one for each distinct reference among them.
    """
    report, storage = Report(store().__module__), store().storage
    try:
        report.findings += storage.diagnose()
    except Exception as error:  # any client library's
        report.findings.append(_failure("querying the server", error))
        return report
    for _ in range(SELF_TESTS):
        report.findings += (failures := [*SelfTest(storage, report.timings).run()])
        if failures:
            return report
    scan = ConsistencyScan(storage, repair=repair)
    try:
        handles, report.about = _handles_to_check(storage, full=full, sample=sample)
        for report.looked_at, handle in enumerate(handles, 1):
            scan.check(handle)
            if progress is not None:
                progress(report.looked_at)
    except Exception as error:
        report.findings.append(_failure("checking sessions", error))
    report.findings += scan.findings()
    report.repaired = scan.repaired
    return report


def _handles_to_check(storage: Storage, *, full: bool, sample: int) -> tuple[Iterable[str], int]:
    """Return the handles of all sessions or of a sample, and the approximate number of all."""
    if full:
        about = storage.count()
        return (handle for page in storage.pages() for handle, _ in page), about
    entries, about = storage.sample(sample)
    return [handle for handle, _ in entries], about


class ConsistencyScan:
    """A consistency check of sessions, one at a time. Sessions that end meanwhile are skipped."""

    def __init__(self, storage: Storage, *, repair: bool) -> None:
        self.storage, self.repair = storage, repair
        self.corrupt: dict[str, list[str]] = defaultdict(list)  # field -> handles
        self.outdated: list[str] = []  # handles: stored references differ from the fields
        self.unlisted: list[str] = []  # handles that the index lacks
        self.repaired = 0
        self._known: dict[tuple[str, str], set[str]] = {}  # reference -> handles in the index

    def check(self, handle: str) -> None:
        """Check one session, and repair it if asked to."""
        record = self.storage.read(handle)
        if record is None or not record.is_live(self.storage.clock()):
            return
        fields = Fields(store().policy().serializer, record.fields, handle)
        for name in filter(fields.is_corrupt, record.fields):
            self.corrupt[name].append(handle)
        is_listed = all(self._is_listed(handle, *item) for item in record.references.items())
        is_outdated = reference_change(handle, record) is not None
        if self.repair and (is_outdated or not is_listed):
            self._repair(handle, record, is_listed)
        elif is_outdated:
            self.outdated.append(handle)
        elif not is_listed:
            self.unlisted.append(handle)

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each field that is corrupt and for each kind of inconsistency."""
        for name, handles in self.corrupt.items():
            problem = f"The field {name!r} cannot be decoded in {list_sessions(handles)} and is "
            problem += "ignored."
            remedy = "Check that SESSION_SERIALIZER is the same on every host, or end the sessions."
            yield Finding("corrupt", problem, remedy)
        if self.outdated:
            problem = f"The references of {list_sessions(self.outdated)} differ from the fields."
            yield Finding("references", problem, "Run: manage.py reindexsessions, or use --repair.")
        if self.unlisted:
            problem = f"The index lacks {list_sessions(self.unlisted)}: log out everywhere misses "
            problem += "them, and lists do not show them."
            remedy = "Use --repair, with --full to repair all sessions instead of a sample."
            yield Finding("index", problem, remedy)

    def _repair(self, handle: str, record: Record, is_listed: bool) -> None:
        """Write the stored references again if the index lacks them, then reindex the session.

        Reindexing comes last, because a request may have changed the references meanwhile.
        """
        references = {} if is_listed else dict(record.references)
        if self.storage.update(handle, Change(references=references)):
            reindex_one(handle)
            self.repaired += 1

    def _is_listed(self, handle: str, name: str, value: str) -> bool:
        """Return whether the index has a session: by the copy read first, then by a new one."""
        if handle not in self._known.get((name, value), ()):
            self._known[name, value] = {id for id, _ in self.storage.find(name, value)}
        is_listed = handle in self._known[name, value]
        return is_listed or not self._still_has(handle, name, value)

    def _still_has(self, handle: str, name: str, value: str) -> bool:
        record = self.storage.read(handle, ())
        return record is not None and record.references.get(name) == value


def _failure(step: str, error: Exception) -> Finding:
    problem = f"{step} fails: {type(error).__name__}: {error}"
    remedy = "Start the server, or correct its address and credentials in the settings."
    if isinstance(error, WrongAnswer):
        remedy = "Check what lies between this host and the server: a replica that lags, or a "
        remedy += "proxy that caches answers."
    return Finding("failure", problem[0].upper() + problem[1:], remedy)
