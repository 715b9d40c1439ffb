"""Whatever happens to sessions, and in whatever order: the index of Redis holds every live one, and
nothing that does not die by itself."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from django_multisession.core.expiry import to_microseconds
from django_multisession.core.record import Change
from django_multisession.storage.redis.keys import reference_text
from support.index_histories import LIFETIMES, LONGEST, USERS, History, fresh, go_through
from support.subjects import STORAGES, empty, make_record

pytestmark = pytest.mark.thorough

SPAN, MINUTE = 2**21, 60_000_000  # as in scripts/common.lua
PLACES = st.integers(0, 5)


class Sessions(History):
    """Six sessions, in Redis and in the specification."""

    def __init__(self):
        super().__init__(6)
        empty(self.real)
        self.names = self.real._calls.names
        self.client = self.real._connection._here()
        self.lost = set()  # those that the server deleted by itself, so that no script saw them

    @rule(place=PLACES, user=USERS, lifetime=LIFETIMES)
    def insert(self, place, user, lifetime):
        if self.spec.read(self.ids[place]) is None:
            references = {"org": "7"} | ({"user": user} if user else {})
            ends = self.clock.now + lifetime
            record = make_record(self.clock, references=references, expires_at=ends)
            self.both("insert", self.ids[place], record)

    @rule(place=PLACES, user=USERS)
    def log_in_as_another(self, place, user):
        self.both("update", self.ids[place], Change(references={"user": user}))

    @rule(place=PLACES, lifetime=LIFETIMES)
    def touch(self, place, lifetime):
        now = self.clock.now
        self.both("update", self.ids[place], Change(last_seen_at=now, expires_at=now + lifetime))

    @rule(place=PLACES, user=USERS, lifetime=LIFETIMES)
    def rename(self, place, user, lifetime):
        new, ends = fresh(), self.clock.now + lifetime
        change = Change(references={"user": user}, expires_at=ends)
        if self.both("rename", self.ids[place], new, change):
            self.ids[place] = new

    @rule(place=PLACES)
    def delete(self, place):
        for storage in (self.spec, self.real):  # the server may have deleted one that is over
            storage.delete(self.ids[place])
        self.ids[place] = fresh()

    @rule(user=st.sampled_from(["1", "2"]), kept=PLACES)
    def log_out_everywhere(self, user, kept):
        ended = self.ended(user, kept)
        self.ids = [fresh() if id in ended else id for id in self.ids]

    @rule(seconds=st.sampled_from([1, 60, 3600, 86400, 15 * 86400]))
    def wait(self, seconds):
        self.clock.advance(seconds=seconds)

    @rule()
    def the_server_deletes_what_is_over(self):
        for id, record in self.spec._records.items():
            if not record.is_live(self.clock.now):
                self.client.delete(self.names.session(id))
                self.lost.add(id)

    @rule()
    def purge(self):
        self.spec.purge()
        self.real.purge()
        self.ids = [id if self.spec.read(id) else fresh() for id in self.ids]

    @invariant()
    def the_index_holds_every_live_session(self):
        for id, record in self.spec._live():
            bucket = self.client.zscore(self.names.bucket(id[:2]), id)
            assert bucket == to_microseconds(record.expires_at)
            for reference in record.references.items():
                score = self.client.zscore(self.names.reference(reference_text(*reference)), id)
                assert score // SPAN * MINUTE >= to_microseconds(record.expires_at)

    @invariant()
    def what_else_it_holds_dies_by_itself(self):
        latest = to_microseconds(self.clock.now + 2 * LONGEST) / MINUTE + 1
        for key in self.client.scan_iter(f"{self.names.root}*"):
            assert self.client.pttl(key) > 0
            if b"=" in key:
                entries = self.client.zrange(key, 0, -1, withscores=True)
                assert all(score // SPAN <= latest for _, score in entries)

    @invariant()
    def where_one_script_keeps_both_it_holds_no_other(self):
        for user in () if self.real._calls.spread else ("1", "2"):
            entries = self.client.zrange(self.names.reference(reference_text("user", user)), 0, -1)
            stored = self.spec._records.items()
            known = {id for id, record in stored if record.references.get("user") == user}
            assert {id.decode() for id in entries} <= known | self.lost


@pytest.mark.parametrize("kind", ["redis", "cluster"])
def test_the_index_is_a_superset_of_the_truth_and_dies_by_itself(kind, clock):
    go_through(Sessions, STORAGES[kind](clock), 20)
