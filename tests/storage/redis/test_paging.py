"""Tests of the pages and samples that are read from buckets in memory."""

from collections import defaultdict
from datetime import datetime, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_multisession.core.keys import hash_key
from django_multisession.storage.redis import paging
from django_multisession.storage.redis.commands import CommandBuilder
from django_multisession.storage.redis.keys import TAGS, KeyBuilder, tag_of
from django_multisession.storage.redis.paging import Page, Sample

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEYS = KeyBuilder("test")
BUILDER = CommandBuilder(KEYS, is_cluster=False)
LIVE = {BUILDER.live(tag, NOW).words for tag in TAGS}
URL_SAFE = "".join(sorted({tag[0] for tag in TAGS}))

HASHES = st.integers(0, 200).map(lambda size: [hash_key(str(number)) for number in range(size)])
# A few buckets with many ids each, some at the ends of the circle: hashes are never like that.
SKEWED = st.lists(st.sampled_from(["--", "-0", "ab", "zy", "zz"]), max_size=60).map(
    lambda tags: [tag + hash_key(str(number))[2:] for number, tag in enumerate(tags)]
)
ANY = st.lists(st.text(URL_SAFE, min_size=43, max_size=43), unique=True, max_size=40)


class Server:
    """A server with buckets in memory. It answers ids by expiry, so in any order."""

    def __init__(self, ids):
        self.buckets = defaultdict(list)
        for id in ids:
            self.buckets[KEYS.bucket(tag_of(id))].insert(0, id.encode())
        self.asked = []  # the keys of the buckets, a list for each round trip

    def answer(self, commands):
        assert {command.words for command in commands} <= LIVE
        self.asked.append([command.key for command in commands])
        return [self.buckets.get(command.key, []) for command in commands]

    def page(self, after=None, limit=100):
        self.asked = []
        page = Page(after, limit, NOW, BUILDER)
        while commands := page.next_commands():
            page.add(self.answer(commands))
        return page.ids, page.cursor

    def sample(self, limit):
        self.asked = []
        sample = Sample(limit, NOW, BUILDER)
        while commands := sample.next_commands():
            sample.add(self.answer(commands))
        return sample

    def pages(self, limit):
        ids, cursor = self.page(None, limit)
        yield ids, self.asked
        while cursor:
            ids, cursor = self.page(cursor, limit)
            yield ids, self.asked


def some(size):
    return [hash_key(str(number)) for number in range(size)]


@settings(deadline=None, max_examples=30)
@given(HASHES | SKEWED | ANY, st.integers(1, 6), st.integers(-1, 1))
@example(some(5), 5, 0)
@example([], 1, 0)
def test_the_pages_give_every_id_once_and_in_order(ids, parts, further):
    limit = max(1, len(ids) // parts + further)
    pages = list(Server(ids).pages(limit))
    assert [id for page, _ in pages for id in page] == sorted(ids)
    assert all(len(page) == limit for page, _ in pages[:-1])
    assert bool(pages[-1][0]) is bool(ids)
    assert all(len(rounds) <= 4 for _, rounds in pages)


@pytest.mark.parametrize("limit", [1, 7, 100, 20_000])
def test_a_page_of_many_takes_four_rounds_at_most(limit):
    server = Server(some(20_000))
    ids, cursor = server.page(None, limit)
    assert ids == sorted(some(20_000))[:limit]
    assert len(server.asked) <= 4
    assert (cursor is None) is (limit == 20_000)


def test_all_pages_of_many():
    ids = some(20_000)
    pages = list(Server(ids).pages(1000))
    assert [id for page, _ in pages for id in page] == sorted(ids)
    assert len(pages) == 20


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_no_bucket_is_read_twice_for_a_page(size):
    server = Server(some(size))
    server.page(None, 6000)
    asked = [key for round in server.asked for key in round]
    assert asked == [KEYS.bucket(tag) for tag in TAGS]


def test_no_more_buckets_are_read_than_are_needed():
    server = Server([tag + hash_key(tag)[2:] for tag in TAGS] * 2)
    server.page(None, 1)
    assert server.asked == [[KEYS.bucket("--")]]
    server.page(None, 10)
    assert [len(round) for round in server.asked] == [1, 16]


def test_a_page_begins_with_the_bucket_of_its_cursor():
    server = Server([tag + hash_key(tag)[2:] for tag in TAGS])
    last = "zy" + hash_key("zy")[2:]
    assert server.page(f">{last}") == (["zz" + hash_key("zz")[2:]], None)
    assert server.asked == [[KEYS.bucket("zy")], [KEYS.bucket("zz")]]


def test_there_is_a_cursor_only_where_there_is_more():
    ids = sorted(some(10))
    server = Server(ids)
    assert server.page(None, 9) == (ids[:9], f">{ids[8]}")
    assert server.page(None, 10) == (ids, None)
    assert server.page(None, 11) == (ids, None)
    assert server.page(f">{ids[8]}", 1) == (ids[9:], None)
    assert server.page(f">{ids[9]}", 1) == ([], None)


def test_a_cursor_need_not_be_of_a_session_that_is_still_there():
    ids = sorted(some(10))
    assert Server(ids[:4] + ids[5:]).page(f">{ids[4]}", 2) == (ids[5:7], f">{ids[6]}")


def test_what_comes_behind_the_cursor_is_met_and_what_comes_before_it_is_not():
    first, second, third, fourth = sorted(some(4))
    assert Server([second]).page() == ([second], None)
    assert Server([first, second, third, fourth]).page(f">{second}") == ([third, fourth], None)


def test_nothing_is_found_where_there_is_nothing():
    assert Server([]).page() == ([], None)
    assert Server([]).page(">" + "z" * 43) == ([], None)


def test_a_page_ends_when_no_call_is_left():
    page = Page(None, 1, NOW, BUILDER)
    rounds = 0
    while commands := page.next_commands():
        page.add([[] for _ in commands])
        rounds += 1
    assert (rounds, page.next_commands(), page.ids, page.cursor) == (4, [], [], None)


ID = hash_key("a")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        ">",
        ID,
        f">{ID[:-1]}",
        f">{ID}a",
        f">{ID}\n",
        f" >{ID}",
        f">{ID[:-1]}=",
        f">+{ID[1:]}",
        f">\u00e9{ID[1:]}",
        f"2026-01-01T00:00:00.000000+00:00 {ID}",
        "0",
    ],
)
def test_a_cursor_that_is_none_is_refused(cursor):
    with pytest.raises(ValueError, match="is not a cursor"):
        Page(cursor, 100, NOW, BUILDER)


# Samples

FIRST, LAST = 0, len(TAGS) - 1
ONE_EACH = [tag + hash_key(tag)[2:] for tag in TAGS]  # a session in every bucket


@pytest.fixture
def begin_at(monkeypatch):
    return lambda bucket: monkeypatch.setattr(paging, "randrange", lambda size: bucket % size)


@settings(deadline=None, max_examples=30)
@given(HASHES | SKEWED | ANY, st.integers(1, 60))
@example(some(5), 5)
@example([], 1)
def test_a_sample_is_of_any_ids_and_tells_whether_there_are_more(ids, limit):
    server = Server(ids)
    sample = server.sample(limit)
    assert len(set(sample.ids) & set(ids)) == len(sample.ids) == min(limit, len(ids))
    assert sample.has_more is (len(ids) > limit)
    assert len(server.asked) <= 4


@pytest.mark.parametrize("first", [FIRST, 7, LAST])
@pytest.mark.parametrize("size", [0, 1, 5000])
def test_no_bucket_is_read_twice_for_a_sample(begin_at, size, first):
    begin_at(first)
    server = Server(some(size))
    sample = server.sample(6000)
    asked = [key for round in server.asked for key in round]
    assert asked == [KEYS.bucket(tag) for tag in TAGS[first:] + TAGS[:first]]
    assert sorted(sample.ids) == sorted(some(size))


@pytest.mark.parametrize("first", [FIRST, 7, LAST - 3, LAST])
def test_after_the_last_bucket_comes_the_first(begin_at, first):
    begin_at(first)
    server = Server(ONE_EACH)
    sample = server.sample(10)
    assert sample.ids == (ONE_EACH[first:] + ONE_EACH)[:10]
    assert [len(round) for round in server.asked] == [1, 16]
    assert sample.estimate == len(ONE_EACH)


def test_no_more_buckets_are_read_for_a_sample_than_are_needed(begin_at):
    begin_at(LAST)
    server = Server(ONE_EACH + [id[:-1] + "-" for id in ONE_EACH])
    assert server.sample(1).estimate == 2 * len(ONE_EACH)
    assert server.asked == [[KEYS.bucket(TAGS[LAST])]]


def test_it_begins_with_any_bucket():
    server = Server(ONE_EACH)
    begins = {server.sample(1).ids[0] for _ in range(50)}
    assert len(begins) > 30  # of 4096; fewer happen once in 10**40 runs


@pytest.mark.parametrize("first", range(0, len(TAGS), 256))
def test_the_estimate_from_a_thousand_is_a_few_percent_off(begin_at, first):
    begin_at(first)
    server = Server(some(20_000))
    sample = server.sample(1000)
    assert len(sample.ids) == 1000
    assert sample.estimate == pytest.approx(20_000, rel=0.1)
