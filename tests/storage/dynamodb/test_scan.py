"""A scan of the table in segments, on a connection that answers from lists of pages."""

from __future__ import annotations

import pytest

from django_multisession.storage.dynamodb.scan import SEGMENTS, Scan, start_at

pytestmark = pytest.mark.quick


class Pages:
    """A connection: segment ``n`` of the table has ``numbers[n]`` pages of one item each."""

    def __init__(self, *numbers):
        self.numbers = dict(enumerate(numbers))
        self.requests = []

    def map(self, function, values):
        return [function(value) for value in values]

    def call(self, verb, request):
        assert (verb, request["TotalSegments"]) == ("scan", SEGMENTS)
        self.requests.append(request)
        segment, page = request["Segment"], request.get("ExclusiveStartKey", 0)
        last = page + 1 >= self.numbers.get(segment, 1)
        return {"Items": [(segment, page)]} | ({} if last else {"LastEvaluatedKey": page + 1})


def items(answers):
    return [item for answer in answers for item in answer["Items"]]


def test_every_page_of_every_segment_is_read_once():
    found = items(Scan(Pages(3, 1, 2)).answers({"TableName": "t"}))
    assert len(found) == len({*found}) == SEGMENTS + 3
    assert {*found} > {(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)}


def test_a_segment_that_has_ended_is_not_read_again():
    pages = Pages(3)
    list(Scan(pages).answers({}))
    assert [request["Segment"] for request in pages.requests[SEGMENTS:]] == [0, 0]


def test_the_request_is_sent_with_every_segment_and_is_not_changed():
    pages, request = Pages(2), {"TableName": "t"}
    list(Scan(pages).answers(request))
    assert {sent["TableName"] for sent in pages.requests} == {"t"}
    assert request == {"TableName": "t"}


def test_without_advance_the_same_answers_are_read_again():
    """A caller that had no room for an answer continues before it."""
    scan = Scan(Pages(2))
    first = scan.read({})
    assert scan.read({}) == first
    scan.advance()
    assert items(scan.read({})) == [(0, 1)]
    scan.advance()
    assert scan.remaining == {}


def test_from_the_beginning_there_is_no_start_key():
    assert start_at(None, {"Limit": 1}) == {"Limit": 1}
    assert start_at({"pk": {"S": "a"}}, {"Limit": 1}) == {
        "Limit": 1,
        "ExclusiveStartKey": {"pk": {"S": "a"}},
    }
