"""Random sequences of events, compared with a model of a few lines.

The public functions find, show and end the sessions that the model expects."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import count

import pytest
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as of_hypothesis
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import booleans, integers, lists, none, sampled_from, tuples

from django_multisession import sessions
from django_multisession.backends import memory
from django_multisession.core import keys
from django_multisession.maintenance import reindexing
from support.dialects import Blocking
from support.index_model import AGE, FIELDS, SETTINGS, VALUES, Known
from support.project import store_on
from support.subjects import Clock, empty

pytestmark = pytest.mark.thorough

USER, SITE = 7, []  # SITE: the storage under test, and the twins to call
ANY, VALUE, VERB = integers(0, 5), sampled_from(VALUES), sampled_from(["save", "cycle_key"])
PEOPLE = lists(tuples(sampled_from([7, "7", "7 ", None]), VALUE, VALUE), min_size=2, max_size=4)


class People(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.clock, self.numbers, self.known = Clock(), count(), []
        storage, self.sessions = SITE
        storage.clock = self.clock
        empty(storage)
        self.store = store_on(storage)
        keys.new_key = map("{:032}".format, count()).__next__
        self.configured = ExitStack()
        self.configure(SETTINGS[-1])

    def configure(self, setting):
        self.setting = setting
        self.configured.enter_context(override_settings(MULTISESSION_REFERENCES=setting))

    def teardown(self):
        with self.configured:
            self.all_are_listed()

    def live(self, **references):
        """Return the live sessions that have these references."""
        now = [each for each in self.known if each.ends > self.clock.now]
        return [each for each in now if references.items() <= each.references.items()]

    def doomed(self, kept, **references):
        """Return these sessions without one that is kept, and the handle of that one."""
        keep = self.some(kept).handle if kept is not None and self.known else None
        return [each for each in self.live(**references) if each.handle != keep], keep

    def some(self, number):
        return self.known[number % len(self.known)] if self.known else None

    def stored(self, known, holder):
        known.stored(holder, self.clock.now, self.setting)

    def forget(self, ended):
        self.known = [each for each in self.known if each not in ended]

    # What users do

    @initialize(people=PEOPLE)
    def some_are_there(self, people):
        self.log_in(people)

    @rule(people=PEOPLE)
    def log_in(self, people):
        for values in people:
            holder, known = self.store(), Known(dict(zip(FIELDS, values, strict=True)))
            holder.update(known.fields)
            holder.save()
            self.stored(known, holder)
            self.known.append(known)

    @rule(requests=lists(tuples(ANY, sampled_from(FIELDS), VALUE, VERB), min_size=1, max_size=4))
    def move(self, requests):
        for who, name, value, verb in requests:
            if (known := self.some(who)) in self.live():
                holder = self.store(known.key)
                holder["n"] = next(self.numbers)  # so that there is something to save
                known.fields[name] = holder[name] = value
                if value is None:
                    del holder[name]
                getattr(holder, verb)()
                self.stored(known, holder)

    @rule(who=ANY, seconds=sampled_from([-1, 0, 30, 3600]))
    def set_expiry(self, who, seconds):
        if (known := self.some(who)) in self.live():
            holder = self.store(known.key)
            holder["n"] = next(self.numbers)
            holder.set_expiry(seconds)
            holder.save()
            known.age = timedelta(seconds=seconds) if seconds else AGE
            self.stored(known, holder)

    @rule(who=ANY)
    def touch(self, who):
        if known := self.some(who):
            assert self.store(known.key).touch() is (known in self.live())
        if known in self.live():
            known.seen, known.ends = self.clock.now, self.clock.now + known.age

    @rule(who=ANY)
    def take_a_new_key(self, who):
        """Rotate the key of a session that was not read."""
        if (known := self.some(who)) in self.live():
            holder = self.store(known.key)
            holder.cycle_key()
            known.key, known.handle = holder.session_key, holder.handle

    @rule(seconds=sampled_from([1, 29, 60, 3600, 86400, 15 * 86400]))
    def wait(self, seconds):
        self.clock.advance(seconds=seconds)

    # What administrators and code do

    @rule(who=ANY, logs_out=booleans())
    def end(self, who, logs_out):
        if (known := self.some(who)) in self.live():
            if logs_out:
                self.store(known.key).flush()
            else:
                assert self.sessions.end(known.handle) is True
            assert self.sessions.end(known.handle) is False
            self.forget([known])

    @rule(kept=none() | ANY)
    def log_out_everywhere(self, kept):
        doomed, keep = self.doomed(kept, user=str(USER))
        assert self.sessions.log_out_everywhere(USER, keep=keep) == len(doomed)
        self.forget(doomed)

    @rule(name=sampled_from(["user", "org", "team"]), value=VALUE, kept=none() | ANY)
    def end_matching(self, name, value, kept):
        doomed, keep = self.doomed(kept, **{name: str(value)})
        if name in self.setting and value not in ("", None):
            assert self.sessions.end_matching(name, value, keep=keep) == len(doomed)
            self.forget(doomed)
        else:
            with pytest.raises(ValueError, match=r"MULTISESSION_REFERENCES|needs a value"):
                self.sessions.end_matching(name, value, keep=keep)

    @rule(size=sampled_from([1, 2, 1000]))
    def prune(self, size):
        self.sessions.prune(batch_size=size)
        self.known = self.live()

    @rule(setting=sampled_from(SETTINGS))
    def reindex(self, setting):
        self.configure(setting)
        live = self.live()
        assert reindexing.reindex() == sum(e.references != e.references_by(setting) for e in live)
        for each in live:
            each.references = each.references_by(setting)

    # What is listed

    @rule()
    def all_are_listed(self):
        """Run at the end and not after every step, because Redis reads 4096 buckets."""
        handles = sorted(each.handle for each in self.live())
        assert sorted(info.handle for info in self.sessions.all()) == handles
        assert self.sessions.count() == len(handles)

    @invariant()
    def each_is_found_by_its_references(self):
        for name in self.setting:
            for value in {*(each.references.get(name, "7") for each in self.known), "A"}:
                expected = sorted(each.handle for each in self.live(**{name: value}))
                assert sorted(info.handle for info in self.sessions.find(name, value)) == expected

    @invariant()
    def the_latest_come_first(self):
        expected = [(each.seen, each.handle) for each in self.live(user=str(USER))]
        found = [(info.last_seen_at, info.handle) for info in self.sessions.for_user(USER)]
        assert found == sorted(expected, reverse=True)

    @invariant()
    def each_tells_of_itself(self):
        for each in self.known:
            info = self.sessions.get(each.handle)
            assert (info is not None) is (each in self.live())
            if info:
                assert info.references == each.references
                assert (info.last_seen_at, info.expires_at) == (each.seen, each.ends)


@pytest.fixture
def run(settings, monkeypatch):
    settings.SESSION_ENGINE = memory.__name__

    def run(storage, dialect, examples):
        monkeypatch.setattr(memory.SessionStore, "storage", storage)
        monkeypatch.setattr(keys, "new_key", keys.new_key)  # restored after the test
        SITE[:] = [storage, dialect(sessions)]
        steps = {"max_examples": examples, "stateful_step_count": 20}
        lenient = {"deadline": None, "suppress_health_check": list(HealthCheck)}
        run_state_machine_as_test(People, settings=of_hypothesis(**steps, **lenient))

    return run


def test_in_memory(memory_storage, dialect, run):
    run(memory_storage, dialect, 30 if dialect is Blocking else 3)


def test_on_every_server(real_storage, run):
    run(real_storage, Blocking, 3 if real_storage.expires_by_itself else 8)
