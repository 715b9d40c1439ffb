"""Any sequence of operations, while DynamoDB deletes expired items at any moment.

The index contains every live session, and every item of the table expires by itself.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.encoding import BOUND, SIZE, TTL
from support.dynamodb_observed import Contents, Patient
from support.dynamodb_rules import size_of
from support.dynamodb_servers import NODES
from support.index_histories import LIFETIMES, LONGEST, USERS, History, fresh, go_through
from support.subjects import Clock, dynamodb, make_record

PLACES = st.integers(0, 2)
ORGS = st.sampled_from(["7", "8"])
NAMES = st.sampled_from(["a", "b", "", "user", "references"])


class Sessions(History):
    """Three sessions in DynamoDB and in the specification."""

    def __init__(self):
        super().__init__(3)
        self.real.clear()
        self.real.paused_scans.clear()
        self.table = Contents(self.real.connection.pool.client, self.real)
        self.known = dict.fromkeys(range(3))  # place -> what somebody read there once

    @initialize(user=USERS, lifetime=LIFETIMES)
    def start(self, user, lifetime):
        for place in range(3):
            self.insert(place, user, "7", lifetime)

    def update(self, place, change):
        return self.both("update", self.ids[place], change)

    @rule(place=PLACES, user=USERS, org=ORGS, lifetime=LIFETIMES)
    def insert(self, place, user, org, lifetime):
        references = {"org": org} | ({"user": user} if user else {})
        ends = self.clock.now + lifetime
        facts = {"references": references, "expires_at": ends, "fields": {"a": b"1"}}
        self.both("insert", self.ids[place], make_record(self.clock, **facts))

    @rule(place=PLACES, name=NAMES, size=st.sampled_from([0, 10, 3000]))
    def save(self, place, name, size):
        self.update(place, Change(set={name: b"x" * size}, unset={"b"} - {name}))

    @rule(place=PLACES, lifetime=LIFETIMES)
    def save_much(self, place, lifetime):
        fields = {f"field {number}": b"1" for number in range(101)}
        self.update(place, Change(set=fields, expires_at=self.clock.now + lifetime))

    @rule(place=PLACES, user=USERS, lifetime=st.none() | LIFETIMES)
    def log_in_as_another(self, place, user, lifetime):
        ends = lifetime and self.clock.now + lifetime
        self.update(place, Change(references={"user": user}, expires_at=ends, label="x"))

    @rule(place=PLACES, lifetime=LIFETIMES)
    def touch(self, place, lifetime):
        now = self.clock.now
        self.update(place, Change(last_seen_at=now, expires_at=now + lifetime))

    @rule()
    def many_days_in_which_all_are_seen(self):
        self.clock.advance(days=9)
        for place in range(3):
            self.touch(place, LONGEST)

    @rule(place=PLACES)
    def read(self, place):
        self.known[place] = self.both("read", self.ids[place])

    @rule(place=PLACES, user=USERS, lifetime=st.none() | LIFETIMES)
    def rename(self, place, user, lifetime):
        new, ends = fresh(), lifetime and self.clock.now + lifetime
        change = Change(references={"user": user}, expires_at=ends)
        if self.both("rename", self.ids[place], new, change, self.known[place]):
            self.end(place, new)

    @rule(place=PLACES, over=st.booleans())
    def delete(self, place, over):
        if self.both("delete", self.ids[place], over):
            self.end(place)

    @rule(user=st.sampled_from(["1", "2"]), kept=PLACES)
    def log_out_everywhere(self, user, kept):
        self.end_those(self.ended(user, kept))

    @rule(seconds=st.sampled_from([1, 60, 3600, 86400, 9 * 86400, 15 * 86400]))
    def wait(self, seconds):
        self.clock.advance(seconds=seconds)

    @rule()
    def dynamodb_deletes_what_has_had_its_time(self):
        deleted = self.table.expire()
        for id in deleted:
            assert not self.spec.records.pop(id).is_live(self.clock.now)
        self.end_those(deleted)

    @rule()
    def purge(self):
        assert self.real.purge() >= self.spec.purge()
        self.end_those({id for id in self.ids if self.spec.read(id) is None})

    @rule()
    def list(self):
        live = dict(self.spec.page()[0])
        assert self.real.count() == len(live)
        assert [dict(self.real.page()[0]), self.real.page()[1]] == [live, None]

    @invariant()
    def find_gives_exactly_the_live_sessions(self):
        for reference in (("user", "1"), ("user", "2"), ("org", "7")):
            found = [sorted(each.find(*reference)) for each in (self.spec, self.real)]
            assert found[0] == found[1]

    @invariant()
    def the_index_vouches_for_every_live_session(self):
        found = self.table.items()
        ends = {(item["pk"]["S"], item["sk"]["S"]): encoding.number_in(item, TTL) for item in found}
        stored = self.table.sessions()
        for id, record in chain(*self.spec.pages()):
            bound = encoding.number_in(stored[id], BOUND)
            assert bound >= encoding.seconds(record.expires_at)
            for reference in record.references.items():
                assert ends[encoding.index_partition(*reference), id] >= bound

    @invariant()
    def no_item_stays_for_ever_nor_is_larger_than_it_says(self):
        latest = encoding.new_bound(self.clock.now + LONGEST, self.clock.now)
        for item in self.table.items():
            assert 0 < encoding.number_in(item, TTL) <= latest
            if encoding.is_session(item):
                assert size_of(item) <= encoding.number_in(item, SIZE)

    def teardown(self):
        self.list()
        self.clock.now += 2 * LONGEST + timedelta(seconds=1)
        self.table.expire()
        assert self.table.items() == []

    def end(self, place, new=None):
        """Forget the id of a session that has ended."""
        self.ids[place], self.known[place] = new or fresh(), None

    def end_those(self, ended):
        for place, id in enumerate(self.ids):
            if id in ended:
                self.end(place)


@pytest.mark.parametrize("kind", NODES)
def test_the_index_is_a_superset_of_the_truth_and_dies_by_itself(kind):
    go_through(Sessions, dynamodb(Patient(NODES[kind]))(Clock()), 25)
