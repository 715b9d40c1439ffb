"""Pages, samples and counts of a table that also has expired sessions and index entries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession.storage.dynamodb import encoding, listing
from support.dynamodb_answers import Answer

USER = {"user": "1", "org": "7"}


@pytest.fixture
def full(observed):
    """Insert 50 live sessions with index entries among 40 expired ones, some with stale entries."""
    ended = observed.clock.now - timedelta(seconds=1)
    observed.fill(20, "over-", expires_at=ended)
    observed.fill(20, "user-", expires_at=ended, references=USER)
    return observed.fill(50, references=USER, fields={"a": b"1" * 1000})


@pytest.fixture
def few_looks(monkeypatch):
    """Limit the scans: a page reads 2 items for 1 session and then 4, and 11 for 10 and then 22."""
    monkeypatch.setattr(listing, "MAX_STEPS", 2)
    monkeypatch.setattr(listing, "ITEMS_PER_SESSION", 1)


def pages(observed, limit):
    """Yield each page with the requests it took."""
    after, found = None, []
    while True:
        requests = observed.proxy.calls(
            lambda after=after: found.append(page(observed, after, limit))
        )
        after = found[-1][1]
        yield [id for id, _ in found[-1][0]], requests
        if after is None:
            return


def page(observed, after, limit):
    return observed.storage.page(after, limit)


@pytest.mark.parametrize("limit", [1, 7, 49, 50, 51, 100])
def test_the_pages_give_every_live_session_once(observed, full, limit):
    found = [ids for ids, _ in pages(observed, limit)]
    assert sorted(id for ids in found for id in ids) == full
    assert all(len(ids) == limit for ids in found[:-1])


def test_a_page_is_without_fields(observed, full):
    records = [record for _, record in observed.storage.page(None, 100)[0]]
    assert records == [observed.record(references=USER)] * 50


@pytest.mark.parametrize("limit", [1, 10])
def test_a_page_takes_no_more_looks_than_are_allowed_and_is_short_then(
    observed, full, few_looks, limit
):
    every = [*pages(observed, limit)]
    assert sorted(id for ids, _ in every for id in ids) == full
    assert all(0 < requests["Scan"] == requests.total() <= 2 for _, requests in every)
    assert any(len(ids) < limit for ids, _ in every[:-1])


def test_a_page_of_nothing_but_what_is_over_goes_on(observed, few_looks):
    observed.fill(60, expires_at=observed.clock.now)
    every = [*pages(observed, 1)]
    assert [ids for ids, _ in every] == [[]] * len(every)
    assert len(every) >= 60 // (2 + 4)


def test_usually_a_page_is_one_request(observed):
    observed.fill(30, references={"user": "1"})
    assert [requests for _, requests in pages(observed, 30)] == [{"Scan": 1}]


@pytest.mark.parametrize("limit", [1, 7])
def test_what_ends_between_two_pages_is_in_nobodys_way(observed, full, limit):
    """Even the session at which the next page begins may end."""
    ids, after = observed.storage.page(None, limit)
    seen = [id for id, _ in ids]
    last = seen[-1]
    observed.storage.delete(last)
    while after is not None:
        found, after = observed.storage.page(after, limit)
        seen += [id for id, _ in found]
        for id, _ in found[-1:]:
            observed.storage.delete(id)
    assert sorted(seen) == full


def test_what_is_live_all_the_time_is_met_whatever_comes_and_goes(observed, full):
    seen, after, number = [], None, 0
    while number == 0 or after is not None:
        found, after = observed.storage.page(after, 5)
        seen += [id for id, _ in found]
        observed.fill(2, f"new-{number}-")
        observed.storage.purge(5)
        number += 1
    assert set(full) <= set(seen)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("kind", ["session", "entry"])
def test_a_cursor_may_be_of_what_is_no_session(observed, full, kind):
    """A short page ends at the item at which it stopped reading."""
    key = {
        "session": encoding.session_key("user-" + "0" * 38),
        "entry": encoding.entry_key("user", "1 2 = 3", full[0]),
    }[kind]
    assert listing.from_cursor(listing.to_cursor(key)) == key
    observed.storage.page(listing.to_cursor(key), 1)


@pytest.mark.parametrize("cursor", ["", " ", "s", "s x#1", "s  s#1", "s#1 s", "1 2 s#3", "\0 \0"])
def test_what_is_no_cursor_is_refused_before_it_is_sent(observed, cursor):
    def refused():
        with pytest.raises(ValueError, match="is not a cursor"):
            observed.storage.page(cursor)

    assert observed(refused) == {}


def test_only_the_live_are_counted(observed, full):
    assert observed.storage.count() == 50
    observed.clock.advance(days=15)
    assert observed.storage.count() == 0


def test_more_than_an_answer_holds(observed):
    """An answer of DynamoDB holds 1 MB and says where to continue, for each segment."""
    large = {"fields": {"a": b"x" * 50_000}, "references": {"user": "1"}}
    ids = observed.fill(60, "large-", **large)
    assert sorted(id for found, _ in pages(observed, 25) for id in found) == ids
    assert observed.storage.count() == 60
    assert observed.proxy.calls(observed.storage.clear)["Scan"] > 0
    assert observed.storage.count() == 0


# Samples

ITEMS = 20 + 20 * 3 + 50 * 3  # in a full table, entries of the index among them


def sampled(observed, limit):
    """Return the ids, the estimated number, and the requests of a sample."""
    answers = []
    requests = observed.proxy.calls(lambda: answers.append(observed.storage.sample(limit)))
    ((found, number),) = answers
    return [id for id, _ in found], number, requests


def say(observed, count):
    """Make DynamoDB report this number of items, as of its last count."""
    answer = Answer.made({"Table": {"ItemCount": count}})
    observed.proxy.strike(lambda *_: answer, "DescribeTable", times=10)


@pytest.mark.parametrize("limit", [50, 51, 1000])
def test_a_sample_of_few_is_all_of_them(observed, full, limit):
    ids, number, requests = sampled(observed, limit)
    assert (sorted(ids), number) == (full, 50)
    assert requests in ({"Scan": 1}, {"Scan": 2})


@pytest.mark.parametrize("limit", [1, 7, 30])
def test_a_sample_of_many_learns_how_large_the_table_is(observed, full, limit):
    ids, number, requests = sampled(observed, limit)
    assert len({*ids} & {*full}) == len(ids) == limit < number
    assert requests.keys() <= {"Scan", "DescribeTable"}
    assert requests["DescribeTable"] <= 1
    assert requests["Scan"] <= 6  # 4, 8, 16, 32, 64 and 128 items, for a limit of 1


def test_of_the_table_only_the_live_are_counted(observed, full):
    """The sample reads at least 155 items, at most 50 of which are live sessions."""
    say(observed, ITEMS)
    _, number, _ = sampled(observed, 30)
    assert 30 < number <= ITEMS * 50 / 155


def test_a_sample_is_an_even_part_of_the_table(observed):
    """The sample reads 55 of 200 items for more than 10 sessions, and all of them are sessions."""
    observed.fill(200)
    say(observed, 200)  # dynalite would say what it counted a while ago
    ids, number, requests = sampled(observed, 10)
    assert (len(ids), requests) == (10, {"Scan": 1, "DescribeTable": 1})
    assert number == 200


@pytest.mark.parametrize("count", [0, 10**6])
def test_what_is_seen_is_believed_and_not_how_large_the_table_was(observed, full, count):
    """A scan that has read the whole table knows the number of sessions."""
    say(observed, count)
    ids, number, _ = sampled(observed, 49)
    assert (len(ids), number) == (49, 50)


def test_a_table_that_was_empty_hours_ago_has_more_than_were_given(observed):
    observed.fill(200)
    say(observed, 0)
    ids, number, _ = sampled(observed, 10)
    assert len(ids) == 10 < number


def test_a_sample_takes_no_more_looks_than_are_allowed(observed, few_looks):
    """Hardly any item of this table is a live session."""
    observed.fill(60, expires_at=observed.clock.now)
    assert sampled(observed, 1) == ([], 1, {"Scan": 2, "DescribeTable": 1})
