"""Tests of the index with random operations on sessions.

After every operation, the index has every live session, and every key expires by itself.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from django_multisession.core.expiry import to_microseconds
from django_multisession.core.record import Change
from django_multisession.storage.redis.keys import reference_text
from support.index_histories import LIFETIMES, LONGEST, USERS, History, fresh, go_through
from support.subjects import STORAGES, empty, make_record

SPAN, MINUTE = 2**21, 60_000_000  # as in scripts/common.lua
POSITIONS = st.integers(0, 5)


class Sessions(History):
    """Six sessions, in Redis and in MemoryStorage, which is the specification."""

    def __init__(self):
        super().__init__(6)
        empty(self.real)
        self.keys = self.real.keys
        self.client = self.real.topology.client()
        self.lost = set()  # ids that the server itself has deleted, without a script

    @rule(position=POSITIONS, user=USERS, lifetime=LIFETIMES)
    def insert(self, position, user, lifetime):
        if self.spec.read(self.ids[position]) is None:
            references = {"org": "7"} | ({"user": user} if user else {})
            ends = self.clock.now + lifetime
            record = make_record(self.clock, references=references, expires_at=ends)
            self.both("insert", self.ids[position], record)

    @rule(position=POSITIONS, user=USERS)
    def log_in_as_another(self, position, user):
        self.both("update", self.ids[position], Change(references={"user": user}))

    @rule(position=POSITIONS, lifetime=LIFETIMES)
    def touch(self, position, lifetime):
        now = self.clock.now
        self.both("update", self.ids[position], Change(last_seen_at=now, expires_at=now + lifetime))

    @rule(position=POSITIONS, user=USERS, lifetime=LIFETIMES)
    def rename(self, position, user, lifetime):
        new, ends = fresh(), self.clock.now + lifetime
        change = Change(references={"user": user}, expires_at=ends)
        if self.both("rename", self.ids[position], new, change):
            self.ids[position] = new

    @rule(position=POSITIONS)
    def delete(self, position):
        for storage in (self.spec, self.real):  # the server may have deleted an expired one
            storage.delete(self.ids[position])
        self.ids[position] = fresh()

    @rule(user=st.sampled_from(["1", "2"]), kept=POSITIONS)
    def log_out_everywhere(self, user, kept):
        ended = self.ended(user, kept)
        self.ids = [fresh() if id in ended else id for id in self.ids]

    @rule(seconds=st.sampled_from([1, 60, 3600, 86400, 15 * 86400]))
    def wait(self, seconds):
        self.clock.advance(seconds=seconds)

    @rule()
    def the_server_deletes_what_is_over(self):
        for id, record in self.stored().items():
            if not record.is_live(self.clock.now):
                self.client.delete(self.keys.session(id))
                self.lost.add(id)

    @rule()
    def purge(self):
        self.spec.purge()
        self.real.purge()
        self.ids = [id if self.spec.read(id) else fresh() for id in self.ids]

    def stored(self):
        """Return the records of the specification, live or expired, by id."""
        records = {id: self.spec.read(id) for id in self.ids}
        return {id: record for id, record in records.items() if record}

    @invariant()
    def the_index_holds_every_live_session(self):
        live = {id: r for id, r in self.stored().items() if r.is_live(self.clock.now)}
        for id, record in live.items():
            bucket = self.client.zscore(self.keys.bucket(id[:2]), id)
            assert bucket == to_microseconds(record.expires_at)
            for reference in record.references.items():
                score = self.client.zscore(self.keys.reference(reference_text(*reference)), id)
                assert score // SPAN * MINUTE >= to_microseconds(record.expires_at)

    @invariant()
    def what_else_it_holds_dies_by_itself(self):
        latest = to_microseconds(self.clock.now + 2 * LONGEST) / MINUTE + 1
        for key in self.client.scan_iter(f"{self.keys.root}*"):
            assert self.client.pttl(key) > 0
            if b"=" in key:
                entries = self.client.zrange(key, 0, -1, withscores=True)
                assert all(score // SPAN <= latest for _, score in entries)

    @invariant()
    def where_one_script_keeps_both_it_holds_no_other(self):
        for user in () if self.real.topology.is_cluster else ("1", "2"):
            entries = self.client.zrange(self.keys.reference(reference_text("user", user)), 0, -1)
            stored = self.stored().items()
            known = {id for id, record in stored if record.references.get("user") == user}
            assert {id.decode() for id in entries} <= known | self.lost


@pytest.mark.parametrize("kind", ["redis", "cluster"])
def test_the_index_is_a_superset_of_the_truth_and_dies_by_itself(kind, clock):
    go_through(Sessions, STORAGES[kind](clock), 20)
