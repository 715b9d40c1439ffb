"""Another program's items in the table, which are neither shown nor changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession.storage.dynamodb import encoding, listing
from support.dialects import Blocking
from support.dynamodb_observed import strange

A = "A" * 43
USER = {"user": "1"}
TIMES = {"created": "1", "seen": "1", "expires": "1", "ttl": "1", "bound": "1"}


@pytest.fixture
def it(observed):
    return Blocking(observed.storage)


def times(observed, **ahead):
    """Return the times of a session that expired long ago, or will expire."""
    end = observed.clock.now + timedelta(**ahead) if ahead else None
    numbers = {name: {"N": digits} for name, digits in TIMES.items()}
    return numbers | (encoding.expiry_attributes(end) if end else {})


class TestOthers:
    PARTITIONS = ["x", "S#1", "s", "s-1", "r", "R#user=1", "x#s#1", " s#1", "#", "\u017f#1"]

    @pytest.fixture(params=["elsewhere", "over", "live"])
    def others(self, request, observed):
        """Items of another program, under any sort key or under the one that sessions use."""
        sort = "x" if request.param == "elsewhere" else "s"
        facts = times(observed, **({"days": 9} if request.param == "live" else {}))
        others = [strange(pk, sort, **facts) for pk in self.PARTITIONS]
        observed.table.put(*others)
        observed.storage.insert(A, observed.record(references=USER))
        return others

    def are_there(self, observed, others):
        found = {each["pk"]["S"]: each for each in observed.table.items()}
        return [found.get(each["pk"]["S"]) for each in others] == others

    def test_listings_do_not_show_them(self, observed, it, others):
        assert [id for id, _ in it.page()[0]] == [A]
        assert [id for id, _ in it.find("user", "1")] == [A]
        assert it.count() == 1
        assert [id for id, _ in it.delete_matching("user", "1")] == [A]
        assert self.are_there(observed, others)

    def test_a_page_that_ends_among_them_goes_on(self, it, others, monkeypatch):
        monkeypatch.setattr(listing, "MAX_STEPS", 1)
        monkeypatch.setattr(listing, "ITEMS_PER_SESSION", 1)
        found, after = it.page(None, 1)
        while after is not None:
            more, after = it.page(after, 1)
            found += more
        assert [id for id, _ in found] == [A]

    def test_clear_leaves_them(self, observed, it, others):
        assert it.clear() == 1
        assert len(observed.table.items()) == len(others)
        assert self.are_there(observed, others)

    def test_a_purge_leaves_them(self, observed, it, others):
        observed.clock.advance(days=40)
        for limit in (1, 1, 1000):
            it.purge(limit)
        assert it.read(A) is None
        assert self.are_there(observed, others)
