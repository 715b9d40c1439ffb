"""Sessions that are touched again and again.

Their end moves, and DynamoDB's TTL never deletes a live session or its index entries.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.dynamodb import encoding
from support.project import store_on

A = "A" * 43
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REFERENCES = {"user": "1", "org": "7"}


@pytest.fixture
def touch(observed):
    """Return the requests that a touch takes, without those to the index."""

    def run(lifetime):
        now = observed.clock.now
        change = Change(last_seen_at=now, expires_at=now + lifetime)
        return observed(lambda: observed.storage.update(A, change))

    return run


def is_found(observed):
    return [id for id, _ in observed.storage.find("user", "1")] == [A] and [
        id for id, _ in observed.storage.find("org", "7")
    ] == [A]


def renewed(observed):
    """The requests that write the entries of both references, and the session as a whole."""
    asked = {"GetItem": 1} if observed.kind == "dynalite" else {}
    return {"UpdateItem": 1, "PutItem": 3, **asked}


@pytest.mark.parametrize(
    ("lifetime", "step", "steps"),
    [(3 * HOUR, HOUR, 30), (DAY, 11 * HOUR, 12), (14 * DAY, 5 * DAY, 12), (HOUR, HOUR / 60, 10)],
    ids=["hours", "day", "weeks", "minutes"],
)
def test_it_is_found_for_ever_and_the_index_is_written_once_a_lifetime(
    observed, touch, lifetime, step, steps
):
    ends = observed.clock.now + lifetime
    observed.storage.insert(A, observed.record(references=REFERENCES, expires_at=ends))
    costs = []
    for _ in range(steps):
        observed.clock.now += step
        costs.append(touch(lifetime))
        observed.table.expire()
        assert is_found(observed)
    dear = [cost for cost in costs if cost != {"UpdateItem": 1}]
    assert dear == [renewed(observed)] * len(dear)
    assert len(dear) <= ceil(steps * step / max(lifetime, DAY))


def test_one_that_is_seen_no_more_dies_whole(observed, touch):
    observed.storage.insert(A, observed.record(references=REFERENCES))
    for _ in range(4):
        observed.clock.advance(days=13)
        touch(14 * DAY)
    observed.clock.advance(days=14, seconds=1)
    assert [*observed.table.expire()] == [A]
    assert not is_found(observed)
    observed.clock.advance(days=14)
    observed.table.expire()
    assert observed.table.items() == []


@pytest.mark.parametrize("lifetime", [HOUR / 60, HOUR, 400 * DAY])
def test_a_lifetime_that_changes(observed, touch, lifetime):
    """It becomes shorter or much longer; the index contains the session as long as it lives."""
    observed.storage.insert(A, observed.record(references=REFERENCES))
    for step in (lifetime, 2 * DAY, lifetime):
        touch(step)
        observed.table.expire()
        assert is_found(observed)
        observed.clock.now += step / 2
        observed.table.expire()
        assert is_found(observed)


def test_its_bound_is_that_of_its_entries_at_most(observed, touch):
    """Whenever a reference is added, and whatever the lifetime was before."""
    observed.storage.insert(A, observed.record(references={"user": "1"}))
    for number in range(12):
        lifetime = HOUR if number % 3 else 30 * DAY
        change = Change(
            expires_at=observed.clock.now + lifetime,
            references={"user": str(number % 2), "org": "7" if number % 4 else None},
        )
        assert observed.storage.update(A, change)
        touch(lifetime)
        observed.clock.now += lifetime / 2
        observed.table.expire()
        session, found = observed.table.sessions()[A], observed.table.items()
        entries = {item["pk"]["S"]: encoding.number_in(item, "ttl") for item in found}
        for name, value in session["references"]["M"].items():
            entry = entries[encoding.index_partition(name, value["S"])]
            assert (
                entry
                >= encoding.number_in(session, encoding.BOUND)
                >= encoding.number_in(session, "ttl")
            )


def test_the_same_in_requests(observed, settings):
    """A user who comes once a week stays logged in, and can be logged out everywhere."""
    settings.SESSION_COOKIE_AGE = 14 * 86_400
    store = store_on(observed.storage)
    holder = store()
    holder["_auth_user_id"] = "1"
    holder.save()
    for _ in range(10):
        observed.clock.advance(days=7)
        again = store(holder.session_key)
        assert again["_auth_user_id"] == "1"
        again.save()
        observed.table.expire()
        assert [id for id, _ in observed.storage.find("user", "1")] == [holder.handle]
    assert len(list(observed.storage.delete_matching("user", "1"))) == 1
    assert observed.table.items() == []
