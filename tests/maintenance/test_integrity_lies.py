"""Storages that break their contract: `checksessions` finds them and cleans up."""

from __future__ import annotations

import pytest

from django_multisession.core.record import Change
from django_multisession.maintenance.integrity import SelfTest, check
from django_multisession.storage.memory import MemoryStorage
from support.integrity_cases import opened

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django


class Honest(MemoryStorage):
    """The base class of storages that break one promise each."""


class LosesUpdates(Honest):
    def update(self, id, change):
        return super().update(id, Change(last_seen_at=change.last_seen_at))


class RefusesUpdates(Honest):
    def update(self, id, change):
        return False


class ReadsStale(Honest):
    """Reads like from a replica that lags."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seen = {}

    def read(self, id, names=None):
        return self.seen.setdefault(id, super().read(id, names))


class ReadsNothing(Honest):
    def read(self, id, names=None):
        return None


class ReadsOthers(Honest):
    """Returns values that were never stored."""

    def read(self, id, names=None):
        record = super().read(id, names)
        return record and Change(set={"checksessions": b"1"}).apply_to(record)


class InsertsNothing(Honest):
    def insert(self, id, record):
        return True


class HasNoIndex(Honest):
    def find(self, name, value):
        return iter(())


class KeepsOldIds(Honest):
    def rename(self, old, new, change, known=None):
        return self.insert(new, self.records[old])


class LosesAtRename(Honest):
    def rename(self, old, new, change, known=None):
        del self.records[old]
        return True


class FindsOldIds(Honest):
    """Keeps the old id in its index after a rename."""

    def __init__(self, **options):
        super().__init__(**options)
        self.first = {}

    def find(self, name, value):
        return iter(self.first.setdefault((name, value), [*super().find(name, value)]))


class FindsTwice(Honest):
    def find(self, name, value):
        for each in super().find(name, value):
            yield from (each, each)


class DeletesNothing(Honest):
    """Ignores the first delete; later ones, of the cleanup, work."""

    refused = False

    def delete(self, id, expired_only=False):
        if not self.refused:
            self.refused = True
            return self.records.get(id)
        return super().delete(id, expired_only)


class DeletesSilently(Honest):
    def delete(self, id, expired_only=False):
        super().delete(id, expired_only)


class RefusesLeases(Honest):
    def acquire_lease(self, name, owner, until):
        return False


LIARS = {
    LosesUpdates: "Read new id",
    RefusesUpdates: "Update",
    ReadsStale: "Read old id",
    ReadsNothing: "Read",
    ReadsOthers: "Read",
    InsertsNothing: "Read",
    HasNoIndex: "Find",
    KeepsOldIds: "Read old id",
    LosesAtRename: "Read new id",
    FindsOldIds: "Find new id",
    FindsTwice: "Find",
    DeletesNothing: "Read deleted id",
    DeletesSilently: "Delete",
    RefusesLeases: "Acquire lease",
}


@pytest.fixture
def use(settings, monkeypatch):
    return lambda storage: opened(storage, settings, monkeypatch)


def test_all_of_them_are_among_them():
    assert {*LIARS} == {*Honest.__subclasses__()}


@pytest.mark.parametrize("liar", LIARS)
def test_a_promise_that_is_not_kept(use, liar):
    storage = use(liar())
    (finding,) = check().findings
    assert finding.name == "failure"
    assert finding.problem.startswith(f"{LIARS[liar]} fails: WrongAnswer: expected ")
    assert finding.remedy
    assert storage.records == {}


def test_the_first_failure_is_the_last(use):
    """Later steps would only repeat it, and no sessions are checked."""
    use(RefusesUpdates())
    result = check()
    assert list(result.timings) == ["insert", "read", "update"]
    assert (len(result.findings), result.looked_at, result.about) == (1, 0, 0)


# Verbs that raise

VERBS = ["insert", "read", "update", "find", "rename", "page", "delete", "acquire_lease"]
STEPS = {"acquire_lease": "acquire lease"}  # where the step has another name than the verb


def broken(storage, monkeypatch, verb, *, after=False, once=True):
    """Make the verb raise, before or after it has done its work."""
    whole, calls = getattr(storage, verb), []

    def fail(*args, **kwargs):
        calls.append(verb)
        if once and len(calls) > 1:
            return whole(*args, **kwargs)
        if after:
            whole(*args, **kwargs)
        raise OSError("no route to the server")

    monkeypatch.setattr(storage, verb, fail)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_verb_that_fails_is_cleaned_up_after(use, monkeypatch, verb, after):
    storage = use(MemoryStorage())
    broken(storage, monkeypatch, verb, after=after)
    (finding,) = check().findings
    assert (
        finding.problem
        == f"{STEPS.get(verb, verb).capitalize()} fails: OSError: no route to the server"
    )
    assert storage.records == {}
    assert storage.active_leases([*storage.leases]) == {}


@pytest.mark.parametrize("verb", VERBS)
def test_where_nothing_can_be_cleaned_up_it_is_over_in_some_minutes(use, monkeypatch, verb):
    storage = use(MemoryStorage())
    for each in {verb, "delete"}:
        broken(storage, monkeypatch, each, once=False)
    (finding,) = check().findings
    first = "delete" if verb == "acquire_lease" else verb  # the first of both in the self-test
    assert finding.problem.startswith(f"{STEPS.get(first, first).capitalize()} fails: OSError")
    now = storage.clock()
    assert all((it.expires_at - now).seconds <= 300 for it in storage.records.values())


def test_a_mistake_of_ours_is_a_finding_too(use, monkeypatch):
    storage = use(MemoryStorage())
    monkeypatch.setattr(storage, "find", lambda: None)
    (finding,) = check().findings
    assert "TypeError" in finding.problem


def test_ctrl_c_ends_it(use, monkeypatch):
    storage = use(MemoryStorage())

    def interrupt(id, names=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        check()


def test_the_ids_are_new_each_time(use):
    storage = use(MemoryStorage())
    lives = [SelfTest(storage, {}) for _ in range(10)]
    assert len({id for it in lives for id in (it.id, it.new_id, it.lease)}) == 30


def test_timings_are_the_best_of_several(use, monkeypatch):
    use(MemoryStorage())
    ticks = iter([0.0, 3.0] * 14 + [0.0, 1.0] * 14 + [0.0, 2.0] * 14)
    monkeypatch.setattr(
        "django_multisession.maintenance.integrity.time.perf_counter", lambda: next(ticks)
    )
    assert set(check().timings.values()) == {1.0}
