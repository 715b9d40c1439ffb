"""Random sequences of operations by several session objects.

Every storage does what the specification, `MemoryStorage`, does."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from django_multisession.core import keys
from django_multisession.storage.base import Storage
from support.project import store_on
from support.subjects import Clock, empty, memory

pytestmark = pytest.mark.thorough

HOLDERS = st.integers(0, 3)
NAMES = st.sampled_from(["a", "b", "cart", "_auth_user_id", 'quo"te', "$.x", "\u4e2d", ""])
VALUES = st.one_of(
    st.none(),
    st.sampled_from(["1", "2", "\0", "\ud800", "~", '"']),
    st.integers(),
    st.lists(st.integers(0, 9), max_size=3),
    st.dictionaries(st.sampled_from("xyz"), st.none() | st.integers(0, 9), max_size=2),
)
REAL: list[Storage] = []  # the storage under test; hypothesis builds the machines itself


class Holders(RuleBasedStateMachine):
    """Four session objects on the specification and four on a server: one clock, the same keys."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.spec, self.real = memory(self.clock), REAL[0]
        self.real.clock = self.clock
        empty(self.real)
        self.keys = map("{:032}".format, count(1))

    @initialize()
    def start(self) -> None:
        self.stores = [store_on(self.spec), store_on(self.real)]
        self.pairs = [[store() for store in self.stores] for _ in range(4)]

    def both(self, holder: int, operation: Any) -> Any:
        """Run the operation on both of a pair, with the same new keys, and compare the outcomes."""
        offered = next(self.keys)
        outcomes = []
        for session in self.pairs[holder]:
            keys.new_key = lambda: offered
            try:
                outcomes.append(operation(session))
            except Exception as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    @rule(holder=HOLDERS, name=NAMES, value=VALUES)
    def set(self, holder, name, value):
        self.both(holder, lambda s: s.__setitem__(name, value))

    @rule(holder=HOLDERS, name=NAMES)
    def get(self, holder, name):
        self.both(holder, lambda s: s.get(name))

    @rule(holder=HOLDERS, names=st.lists(NAMES, max_size=2))
    def get_fields(self, holder, names):
        self.both(holder, lambda s: s.get_fields(*names))

    @rule(holder=HOLDERS, name=NAMES)
    def pop(self, holder, name):
        self.both(holder, lambda s: s.pop(name, None))

    @rule(holder=HOLDERS)
    def mutate(self, holder):
        self.both(holder, lambda s: s.get("cart").append(1))

    @rule(holder=HOLDERS)
    def save(self, holder):
        self.both(holder, lambda s: s.save())

    @rule(holder=HOLDERS, verb=st.sampled_from(["cycle_key", "touch", "flush", "clear", "delete"]))
    def call(self, holder, verb):
        self.both(holder, lambda s: getattr(s, verb)())

    @rule(holder=HOLDERS)
    def reload(self, holder):
        self.both(holder, lambda s: (s.reload(), dict(s.items())))

    @rule(holder=HOLDERS, seconds=st.sampled_from([-5, 0, 30, 3600]))
    def set_expiry(self, holder, seconds):
        self.both(holder, lambda s: s.set_expiry(seconds))

    @rule(holder=HOLDERS, other=HOLDERS)
    def join(self, holder, other):
        """Begin another request with this one's cookie."""
        self.pairs[other] = [
            store(session.session_key)
            for store, session in zip(self.stores, self.pairs[holder], strict=True)
        ]

    @rule(seconds=st.sampled_from([1, 29, 60, 3600, 15 * 86400]))
    def wait(self, seconds):
        self.clock.advance(seconds=seconds)

    @rule(user=st.sampled_from(["1", "2"]), holder=HOLDERS)
    def log_out_everywhere(self, user, holder):
        kept = self.pairs[holder][0].handle
        found = [
            set(storage_ids(s.delete_matching("user", user, kept))) for s in (self.spec, self.real)
        ]
        assert found[0] == found[1]

    @rule()
    def purge(self):
        self.spec.purge()
        self.real.purge()

    @rule()
    def list(self):
        """Run at the end and not after every step, because Redis reads 4096 buckets."""
        live = storage_ids(self.spec.page()[0])
        assert self.real.count() == len(live)
        assert set(storage_ids(self.real.page()[0])) == set(live)

    def teardown(self):
        self.list()

    @invariant()
    def both_hold_the_same(self):
        live = {id: self.spec.read(id) for id in storage_ids(self.spec.page()[0])}
        assert {id: self.real.read(id) for id in live} == live
        for user in ("1", "2"):
            found = [sorted(storage_ids(s.find("user", user))) for s in (self.spec, self.real)]
            assert found[0] == found[1]


def storage_ids(found):
    return [id for id, _ in found]


def test_every_database_does_what_the_specification_does(real_storage, monkeypatch):
    monkeypatch.setattr(keys, "new_key", keys.new_key)  # restored after the test
    REAL[:] = [real_storage]
    run_state_machine_as_test(
        Holders,
        settings=settings(
            max_examples=3 if real_storage.expires_by_itself else 12,  # Redis has 4096 buckets
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=False,
        ),
    )
