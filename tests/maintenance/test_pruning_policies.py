"""Retention policies: which live sessions they end."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from django_multisession import signals
from django_multisession.core.record import Change
from django_multisession.maintenance.pruning import RetentionPolicy
from support.project import hearing, install
from support.prune_processes import add, facts_of, id_of, ids_in, run
from support.subjects import make_record

pytestmark = pytest.mark.thorough  # hardly depends on versions of Python and Django

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
SOMEBODY = {"user": "1"}

# Days since the session began, days since it was used, and its references.
AGES = [
    (age, idle, references)
    for age, idle in [(0, 0), (10, 0), (10, 5), (40, 0), (40, 5), (40, 35)]
    for references in ({}, SOMEBODY, {"org": "7"})
]

POLICIES = [
    ("--older-than 30d", lambda age, idle, references: age >= 30),
    ("--idle 30d", lambda age, idle, references: idle >= 30),
    ("--idle 96h", lambda age, idle, references: idle >= 4),
    ("--older-than 30d --idle 4d", lambda age, idle, references: age >= 30 and idle >= 4),
    ("--older-than 4d --idle 5w", lambda age, idle, references: idle >= 35),
    ("--older-than 1d --anonymous", lambda age, idle, references: age >= 1 and not references),
    ("--idle 4d --anonymous", lambda age, idle, references: idle >= 4 and not references),
    (
        "--older-than 30d --idle 4d --anonymous",
        lambda age, idle, references: age >= 30 and idle >= 4 and not references,
    ),
    ("--older-than 41d", lambda age, idle, references: False),
]


@pytest.fixture
def used(storage, settings, monkeypatch):
    """The storage of the configured engine; the test runs on every kind."""
    install(storage, settings, monkeypatch)
    return storage


@pytest.fixture
def quick(memory_storage, settings, monkeypatch):
    install(memory_storage, settings, monkeypatch)
    return memory_storage


def fill(storage, clock, ages=AGES):
    """Store a session for each entry of ``ages``. Return id -> entry."""
    for number, (age, idle, references) in enumerate(ages):
        times = {"created_at": clock.now - age * DAY, "last_seen_at": clock.now - idle * DAY}
        end = clock.now + 100 * DAY
        facts = {"expires_at": end, "references": references, "fields": {"a": b"1"}}
        storage.insert(id_of(number), make_record(clock, **times, **facts))
    return {id_of(number): each for number, each in enumerate(ages)}


class TestWhichOnes:
    @pytest.mark.parametrize(("options", "covers"), POLICIES, ids=[text for text, _ in POLICIES])
    def test_of_all_combinations(self, quick, clock, options, covers):
        known = fill(quick, clock)
        meant = {id for id, age in known.items() if covers(*age)}
        dry = [*options.split(), "--dry-run"]
        assert facts_of(*dry) == facts_of(*dry, "--batch-size", "4") == (0, len(meant))
        assert facts_of(*options.split(), "--batch-size", "4") == (0, len(meant))
        assert ids_in(quick) == known.keys() - meant
        assert facts_of(*options.split()) == facts_of(*dry) == (0, 0)

    def test_on_every_storage(self, used, clock):
        known = fill(used, clock)
        add(used, 3, MINUTE, first=90)
        clock.advance(hours=2)
        options = "--older-than", "30d", "--idle", "4d", "--anonymous"
        assert facts_of(*options, "--dry-run") == (3, 2)
        assert facts_of(*options, "--batch-size", "5") == (3, 2)
        gone = {id for id, age in known.items() if age in [(40, 5, {}), (40, 35, {})]}
        assert ids_in(used) == known.keys() - gone
        assert len([*used.find("user", "1")]) == len([*used.find("org", "7")]) == 6

    @pytest.mark.parametrize("name", ["older-than", "idle"])
    def test_to_the_microsecond(self, used, clock, name):
        """A session that is exactly as old as the limit is ended."""
        fact = {"older-than": "created_at", "idle": "last_seen_at"}[name]
        begun = {"created_at": clock.now - 50 * DAY}
        ends = [clock.now - 30 * DAY + each * MOMENT for each in (-1, 0, 1)]
        for number, moment in enumerate(ends):
            add(used, 1, DAY, first=number, **(begun | {fact: moment}))
        assert facts_of(f"--{name}", "30d", "--dry-run") == (0, 2)
        assert facts_of(f"--{name}", "30d") == (0, 2)
        assert ids_in(used) == {id_of(2)}
        clock.now += MOMENT
        assert facts_of(f"--{name}", "30d") == (0, 1)

    @pytest.mark.parametrize("seed", range(5))
    def test_a_dry_run_tells_what_is_then_done(self, used, clock, seed):
        random = Random(seed)
        ages = [(a := random.randrange(60), random.randrange(a + 1)) for _ in range(40)]
        fill(used, clock, [(*age, random.choice([{}, SOMEBODY])) for age in ages])
        add(used, random.randrange(9), MINUTE, first=90)
        clock.advance(hours=2)
        options = ["--idle", f"{random.randrange(1, 60)}d", "--batch-size", str(seed + 1)]
        options += ["--anonymous"] * random.randrange(2)
        would = facts_of(*options, "--dry-run")
        assert facts_of(*options) == would
        assert facts_of(*options, "--dry-run") == (0, 0)

    def test_a_policy_alone(self, clock):
        record = make_record(clock, references=SOMEBODY)
        assert RetentionPolicy().covers(record, clock.now)
        assert not RetentionPolicy(anonymous=True).covers(record, clock.now)
        assert not RetentionPolicy(idle=MOMENT).covers(record, clock.now)


class TestMeanwhile:
    """Sessions that are used or end while the policy runs."""

    @pytest.fixture
    def between(self, used, monkeypatch):
        """``between(act)``: after the first page, apply act to every session that is not on it.

        Return a list that then has one item: the ids of the first page.
        """

        def make(act):
            page, done = used.page, []

            def interrupted(after=None, limit=100):
                found, cursor = page(after, limit)
                if not done:
                    done.append({id for id, _ in found})
                    for id in ids - done[0]:
                        act(id)
                return found, cursor

            ids = ids_in(used)
            monkeypatch.setattr(used, "page", interrupted)
            return done

        return make

    @pytest.fixture
    def idle(self, used, clock):
        """Twelve anonymous sessions that were last used 40 days ago."""
        fill(used, clock, [(40, 40, {})] * 12)

    def test_who_comes_back_stays(self, idle, used, clock, between, monkeypatch):
        def use(id):
            change = Change(last_seen_at=clock.now, expires_at=clock.now + 101 * DAY)
            assert used.update(id, change)

        done = between(use)
        _, ended = facts_of("--idle", "30d", "--batch-size", "2")
        assert ended == len(done[0]) < 12
        monkeypatch.undo()
        assert used.count() == 12 - ended

    def test_who_logs_in_stays(self, idle, used, clock, between):
        def log_in(id):
            new = id.replace("0", "L", 1)
            assert used.rename(id, new, Change(references=SOMEBODY, last_seen_at=clock.now))

        done = between(log_in)
        _, ended = facts_of("--idle", "30d", "--anonymous", "--batch-size", "2")
        assert ended == len(done[0])
        assert len([*used.find("user", "1")]) == 12 - ended

    def test_who_logs_out_is_not_counted_nor_told_of(self, idle, used, between):
        done = between(used.delete)
        with hearing(signals.session_ended) as events:
            _, ended = facts_of("--idle", "30d", "--batch-size", "2")
        assert ended == len(events) == len(done[0])

    def test_two_at_once_end_each_once(self, idle, used, between):
        others = []
        between(lambda _: others or others.append(facts_of("--idle", "30d")[1]))
        with hearing(signals.session_ended) as events:
            _, ended = facts_of("--idle", "30d", "--batch-size", "2")
        assert ended + others[0] == len(events) == len({each["handle"] for each in events}) == 12


class TestLimits:
    @pytest.mark.parametrize(("limit", "gone"), [(1, (1, 0)), (3, (3, 0)), (5, (3, 2))])
    def test_of_both_kinds_together(self, quick, clock, limit, gone):
        add(quick, 3, MINUTE, first=90)
        fill(quick, clock, [(40, 40, {})] * 4)
        clock.advance(hours=2)
        outcome = run("--idle", "30d", "--limit", str(limit), "--batch-size", "2", "--json")
        (facts,) = outcome.facts
        assert (outcome.status, facts["status"]) == (3, "partial")
        assert (facts["pruned"], facts["ended"]) == gone
        assert facts_of("--idle", "30d") == (3 - gone[0], 4 - gone[1])

    def test_on_every_storage(self, used, clock):
        fill(used, clock, [(40, 40, {}), (40, 0, {})] * 5)
        left = [5, 3, 1, 0, 0]
        for status, rest in zip([3, 3, 0, 0], left[1:], strict=True):
            arguments = ["--idle", "30d", "--limit", "2", "--batch-size", "3"]
            assert run(*arguments).status == status
            assert used.count() == 5 + rest
