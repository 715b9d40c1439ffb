"""The requests for leases, and how their answers are read. No server is needed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession.storage.dynamodb import leases
from django_multisession.storage.dynamodb.encoding import TTL, WrongAnswer
from support.record_cases import NOW

pytestmark = pytest.mark.quick

SOON = NOW + timedelta(minutes=5)


def item(name, until, owner="ann"):
    """Return the item that DynamoDB stores for a lease."""
    return leases.acquire_lease("sessions", name, owner, until, NOW).request["Item"]


def test_an_item_has_no_more_than_a_lease_needs():
    stored = item("a", SOON)
    assert (stored["pk"], stored["sk"]) == ({"S": "l#a"}, {"S": "l"})
    assert stored[leases.OWNER] == {"S": "ann"}
    assert int(stored[TTL]["N"]) >= SOON.timestamp()  # DynamoDB may delete it from then on


def test_a_lease_may_be_taken_if_it_is_free_ones_own_or_over():
    request = leases.acquire_lease("sessions", "a", "ann", SOON, NOW).request
    condition = request["ConditionExpression"]
    assert condition == "attribute_not_exists(#0) OR #1 = :0 OR #2 <= :1"
    assert request["ExpressionAttributeNames"] == {"#0": "pk", "#1": "owner", "#2": "ends"}
    assert request["ExpressionAttributeValues"][":0"] == {"S": "ann"}


def test_leases_are_read_consistently_and_each_once():
    """A lease that was just taken must be seen, and DynamoDB refuses a key that is there twice."""
    request = leases.active_leases(["a", "b", "a"])
    assert request["ConsistentRead"] is True
    assert [key["pk"]["S"] for key in request["Keys"]] == ["l#a", "l#b"]


def test_a_lease_that_has_ended_is_not_live_although_dynamodb_still_has_it():
    items = [item("over", NOW), item("live", NOW + timedelta(microseconds=1))]
    live = leases.live(items, ["over", "live", "absent"], NOW)
    assert live == {"live": NOW + timedelta(microseconds=1)}


def test_a_lease_that_was_not_requested_is_a_wrong_answer():
    with pytest.raises(WrongAnswer, match="not requested"):
        leases.live([item("b", SOON)], ["a"], NOW)


@pytest.mark.parametrize("name", ["", "l#", "#0", "\u00fc" * 40])
def test_a_name_returns_from_its_item_as_it_was(name):
    assert leases.live([item(name, SOON)], [name], NOW) == {name: SOON}
