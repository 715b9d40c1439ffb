"""Samples and the estimated number of sessions, on every storage, blocking and async."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from django_multisession.core import keys
from django_multisession.core.record import Change
from support.project import tokens
from support.subjects import SAME, all_but, build, make_record

pytestmark = pytest.mark.thorough  # the server matters here, not Python or Django

LIMIT, MANY = 30, 100
FACTOR = 4  # an estimate from 30 sessions is further off once in 10**8 runs
ADA = {"_auth_user_id": "1"}


@pytest.fixture(params=all_but(*SAME))
def storage(request, clock):
    yield from build(request.param, clock, request)


def ids(found):
    return [id for id, _ in found]


def fill(storage, record, count):
    """Insert equal sessions under real handles: estimates need them to be hashes."""
    handles = [keys.hash_key(keys.new_key()) for _ in range(count)]
    for handle in handles:
        assert storage.insert(handle, record)
    return handles


class TestFew:
    def test_there_are_none(self, verbs):
        assert verbs.sample() == ([], 0)

    @pytest.mark.parametrize("further", [0, 1, 1000])
    def test_all_of_them_and_their_exact_number(self, verbs, storage, clock, further):
        handles = fill(storage, make_record(clock), 5)
        found, number = verbs.sample(5 + further)
        assert sorted(ids(found)) == sorted(handles)
        assert number == 5

    def test_not_what_is_over_or_ended(self, verbs, storage, clock):
        soon = clock.now + timedelta(minutes=1)
        fill(storage, make_record(clock, expires_at=soon), 3)
        live, ended, old = fill(storage, make_record(clock), 3)
        new = keys.new_handle()
        verbs.delete(ended), verbs.rename(old, new, Change())
        assert verbs.sample()[1] == 5
        clock.now = soon
        found, number = verbs.sample()
        assert sorted(ids(found)) == sorted([live, new])
        assert number == 2

    def test_nothing_but_what_is_over(self, verbs, storage, clock):
        fill(storage, make_record(clock, expires_at=clock.now), 3)
        assert verbs.sample() == ([], 0)

    def test_all_that_a_page_would_tell_and_no_fields(self, verbs, storage, clock):
        facts = {"ip": "::1", "user_agent": "Mozilla", "label": "CI robot"}
        references = {"user": "1", "org": "7"}
        record = make_record(clock, fields={"a": b"1"}, references=references, **facts)
        (handle,) = fill(storage, record, 1)
        assert verbs.sample() == ([(handle, replace(record, fields={}))], 1)


class TestMany:
    def test_no_more_than_the_limit_and_about_how_many(self, verbs, storage, clock):
        handles = fill(storage, make_record(clock), MANY)
        found, number = verbs.sample(LIMIT)
        assert len(found) == len({*ids(found)} & {*handles}) == LIMIT
        assert MANY / FACTOR < number < MANY * FACTOR
        assert all(record == make_record(clock) for _, record in found)

    @pytest.mark.parametrize("limit", [1, 6])
    def test_a_number_that_is_larger_says_that_there_are_more(self, verbs, storage, clock, limit):
        """There are few sessions here, and an estimate from one of them may be anything."""
        fill(storage, make_record(clock), 7)
        found, number = verbs.sample(limit)
        assert len(found) == limit < number

    @pytest.mark.parametrize("is_old_first", [True, False])
    def test_the_idle_are_in_it_as_the_active_are(self, verbs, storage, clock, is_old_first):
        """If half are of each kind, thirty of one kind are returned once in 10**9 runs."""
        idle = make_record(clock, expires_at=clock.now + timedelta(hours=3), label="idle")
        times = {"created_at": clock.now, "last_seen_at": clock.now + timedelta(hours=2)}
        active = make_record(clock, label="active", **times)
        for record in (idle, active) if is_old_first else (active, idle):
            fill(storage, record, MANY // 2)
        clock.advance(hours=2)
        found, _ = verbs.sample(LIMIT)
        assert {record.label for _, record in found} == {"idle", "active"}

    def test_ids_that_are_no_hashes_do_no_harm(self, verbs, clock):
        many = [f"{number:043}" for number in range(7)]
        for id in many:
            verbs.insert(id, make_record(clock))
        found, number = verbs.sample(3)
        assert len({*ids(found)} & {*many}) == len(found) == 3
        assert number > 3
        found, number = verbs.sample(7)
        assert (sorted(ids(found)), number) == (many, 7)


class TestApi:
    def test_what_is_known_of_each(self, api, settings, clock):
        settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
        holder = api.create(data={**ADA, "org_id": 7}, label="CI")
        clock.advance(minutes=1)
        (info,), number = api.sample()
        assert number == 1
        assert (info.handle, info.label) == (holder.handle, "CI")
        assert info.references == {"user": "1", "org": "7"}
        assert info == api.get(holder.handle)

    def test_no_more_than_the_limit(self, api, clock):
        handles = tokens(api, 5, clock, **ADA)
        infos, number = api.sample(limit=3)
        assert len({info.handle for info in infos} & {*handles}) == len(infos) == 3
        assert number > 3
        infos, number = api.sample(5)
        assert {info.handle for info in infos} == {*handles}
        assert number == 5

    @pytest.mark.parametrize("limit", [0, -1])
    def test_of_none_is_refused(self, quick, memory_storage, monkeypatch, limit):
        monkeypatch.setattr(memory_storage, "sample", None)  # it must not be called
        with pytest.raises(ValueError, match=f"limit must be at least 1, not {limit}"):
            quick.sample(limit)
        with pytest.raises(ValueError, match="limit"):
            quick.sample(limit=limit)

    def test_a_thousand_unless_told(self, quick, memory_storage, clock):
        fill(memory_storage, make_record(clock), 1001)
        infos, number = quick.sample()
        assert (len(infos), number) == (1000, 1001)
