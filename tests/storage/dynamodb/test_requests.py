"""The requests: DynamoDB accepts them for any record and change, and no session is at risk."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from django_multisession.core.expiry import NEVER
from django_multisession.core.record import Change, Record
from django_multisession.storage.dynamodb import encoding, leases, listing
from django_multisession.storage.dynamodb.encoding import MAX_ITEM_BYTES, SIZE
from django_multisession.storage.dynamodb.requests import MAX_FIELDS, Requests, Write, fits
from support.dynamodb_answers import Request
from support.dynamodb_cases import AWKWARD, CHANGES, NAMES, RECORDS, SHORT, TIMES
from support.dynamodb_observed import assert_careful
from support.dynamodb_rules import assert_legal, size_of
from support.record_cases import NOW, STORABLE

A, B = "a" * 43, "b" * 43
RECORD = Record(
    created_at=NOW,
    last_seen_at=NOW,
    expires_at=NOW + timedelta(days=1),
    fields=dict.fromkeys(AWKWARD, b"1"),
    references={"user": "42", "references": "#0", "org": ":0"},
    ip="::1",
    user_agent="Browser",
    label="Laptop",
)
CHANGE = Change(
    set=dict.fromkeys(AWKWARD[::2], b"2"),
    unset={*AWKWARD[1::2], "user"},
    expires_at=NOW + timedelta(days=2),
    last_seen_at=NOW,
    references={"user": "43", "references": None, "SET": "x"},
    ip="::2",
    user_agent="",
    label="Phone",
)
SUBJECT = Requests("sessions", consistent_read=True)


def item_of(record):
    return encoding.to_item(A, record, encoding.new_bound(record.expires_at, NOW), "v0")


def every_request(record, change, names=()):
    """Return requests of every kind. A `Write` may be part of a transaction, except `delete`."""
    item, references = item_of(record), [*record.references.items()]
    entry = encoding.index_entry(A, "user", "1", 1)
    return {
        "read": [SUBJECT.read(A), SUBJECT.read(A, names), SUBJECT.read(A, ())],
        "insert": [SUBJECT.insert(item)],
        "replace": [SUBJECT.replace(item, "v1")],
        "update": [SUBJECT.update(A, change, NOW, "v1")] if fits(change) else [],
        "delete": [SUBJECT.delete(A), SUBJECT.delete(A, NOW)],
        "end": [SUBJECT.end(encoding.session_key(A), "v1")],
        "claim": [SUBJECT.claim(A, "v0", "v1")],
        "purge": [SUBJECT.purge(item, NOW), SUBJECT.purge(entry, NOW)],
        "add_to_index": [SUBJECT.add_to_index(A, *reference, 7) for reference in references],
        "remove_from_index": [SUBJECT.remove_from_index(A, *reference) for reference in references],
        "index": [SUBJECT.index(*reference) for reference in references],
        "facts": [SUBJECT.facts([A, B])],
        "live": [SUBJECT.live(NOW, 7)],
        "count": [SUBJECT.count(NOW), SUBJECT.count(NOW, True)],
        "expired": [SUBJECT.expired(NOW)],
        "all_keys": [SUBJECT.all_keys()],
    }


OPERATIONS = {"read": "GetItem", "index": "Query", "facts": "BatchGetItem"}


def sent(made):
    """Return requests on their own and as parts of a transaction."""
    for kind, each in ((kind, each) for kind, some in made.items() for each in some):
        if isinstance(each, Write):
            yield Request(f"{each.verb}Item", each.request)
            if kind != "delete":
                step = {each.verb: each.request}
                yield Request("TransactWriteItems", {"TransactItems": [step]})
        elif kind == "facts":
            yield Request("BatchGetItem", {"RequestItems": {"sessions": each}})
        else:
            yield Request(OPERATIONS.get(kind, "Scan"), each)


def applied(item, request):
    """Return what the server makes of an item with an UpdateExpression of this package."""
    names, values = (request[f"ExpressionAttribute{kind}"] for kind in ("Names", "Values"))
    item = {**item, "references": {"M": {**item["references"]["M"]}}}
    sets, _, removes = request["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")

    def place(path):
        outer, _, inner = path.partition(".")
        return (item[names[outer]]["M"], names[inner]) if inner else (item, names[outer])

    for target, value in (part.split(" = ") for part in sets.split(", ")):
        mapping, name = place(target)
        before, _, added = value.partition(" + ")
        if added:
            assert (names[before], name) == (SIZE, SIZE)
            number = int(item[SIZE]["N"]) + int(values[added]["N"])
            mapping[name] = encoding.number(number)
        else:
            mapping[name] = values[value]
    for mapping, name in map(place, filter(None, removes.split(", "))):
        mapping.pop(name, None)
    return item


def test_every_kind_of_request_is_tested():
    kinds = {name for name in vars(Requests) if not name.startswith("_")}
    made = every_request(RECORD, CHANGE, RECORD.fields)
    assert kinds == made.keys()
    assert all(made.values())


@settings(deadline=None)
@given(RECORDS, CHANGES, st.lists(NAMES) | st.just(AWKWARD * 3))
@example(RECORD, CHANGE, AWKWARD)
@example(RECORD, Change(), ["a"] * 200)
def test_dynamodb_would_take_every_request_and_no_session_is_written_unseen(record, change, names):
    for request in sent(every_request(record, change, names)):
        assert_legal(request)
        assert {version for _, version in assert_careful(request)} <= {"v0", "v1"}


@settings(deadline=None)
@given(st.text(STORABLE, max_size=64), TIMES)
@example("", NOW)
@example("\U0001f600" * 64, NEVER)
def test_dynamodb_would_take_every_lease(owner, until):
    write = leases.acquire_lease("sessions", A, owner, until, NOW)
    assert_legal(Request("PutItem", write.request))
    lease = write.request["Item"]
    assert not encoding.is_session(lease)
    assert not lease["pk"]["S"].startswith(encoding.ENTRIES)
    assert int(lease[encoding.TTL]["N"]) >= until.timestamp()  # not deleted before
    expected = {A: until} if until > NOW else {}
    assert leases.live([lease], [A], NOW) == expected


def test_dynamodb_would_take_what_asks_for_leases():
    for names in ([A], [A, B], [A, B, A], {A, B}):
        request = leases.active_leases(names)
        assert request["ConsistentRead"] is True
        assert_legal(Request("BatchGetItem", {"RequestItems": {"sessions": request}}))


@settings(deadline=None)
@given(RECORDS, CHANGES)
@example(RECORD, CHANGE)
def test_an_update_means_the_change(record, change):
    assume(fits(change))
    before, update = item_of(record), SUBJECT.update(A, change, NOW, "v1").request
    after = applied(before, update)
    assert encoding.to_record(A, after) == change.apply_to(record)
    assert after[encoding.VERSION] == {"S": "v1"}
    assert size_of(after) <= int(after[SIZE]["N"])
    assert after[encoding.BOUND] == before[encoding.BOUND]
    assert encoding.seconds(change.expires_at or record.expires_at) == int(after[encoding.TTL]["N"])


@pytest.mark.parametrize("names", ["f", "n" * 500, "\U0001f600" * 100])
@pytest.mark.parametrize("set_", [0, 50, MAX_FIELDS])
def test_the_largest_update_is_taken(names, set_):
    fields = [f"{names}{number}" for number in range(MAX_FIELDS)]
    references = {f"reference_{n}": None if n % 2 else "x" * 255 for n in range(20)}
    change = replace(CHANGE, references=references, unset=fields[set_:])
    change = replace(change, set=dict.fromkeys(fields[:set_], b"1"))
    assert fits(change)
    assert_legal(Request("UpdateItem", SUBJECT.update(A, change, NOW, "v1").request))


@pytest.mark.parametrize(
    "change",
    [
        Change(set={str(n): b"" for n in range(MAX_FIELDS + 1)}),
        Change(unset={str(n) for n in range(MAX_FIELDS + 1)}),
        Change(set={str(n): b"" for n in range(MAX_FIELDS)}, unset={"x"}),
        Change(set={"a": b"x" * MAX_ITEM_BYTES}),
        Change(references={"user": "1"}),  # until when would it be entered?
    ],
    ids=["set", "unset", "both", "large", "undated"],
)
def test_what_no_update_can_carry(change):
    assert not fits(change)


def test_what_no_update_can_carry_for_its_names():
    assert not fits(Change(set={f"{number:030000}": b"1" for number in range(100)}))
    assert not fits(Change(unset={f"{number:030000}" for number in range(100)}))


@pytest.mark.parametrize("facts", [{"set": {"x" * 65_535: b"1"}}, {"unset": ["x" * 65_535]}])
def test_a_name_of_64_kb_is_refused(facts):
    with pytest.raises(ValueError, match="of a field has 65,535 bytes or more"):
        SUBJECT.update(A, Change(**facts), NOW, "v1")


@settings(deadline=None)
@given(CHANGES)
def test_an_update_grows_the_bound_of_the_size_only_where_it_sends_text(change):
    assume(fits(change))
    request = SUBJECT.update(A, change, NOW, "v1").request
    texts = [change.ip, change.user_agent, change.label, *change.references.values()]
    grows = bool(change.set.keys() - change.unset) or any(text is not None for text in texts)
    assert (" + " in request["UpdateExpression"]) is grows


@pytest.mark.parametrize("count", [0, 1, MAX_FIELDS, MAX_FIELDS + 1])
def test_more_fields_than_an_expression_names_are_all_read(count):
    names = [f"field {n}" for n in range(count)]
    assert ("ProjectionExpression" in SUBJECT.read(A, names)) is (count <= MAX_FIELDS)


@pytest.mark.parametrize("consistent", [True, False])
def test_only_reads_of_one_session_may_be_of_a_moment_ago(consistent):
    subject = Requests("sessions", consistent_read=consistent)
    assert subject.read(A)["ConsistentRead"] is consistent
    for request in (subject.index("user", "1"), subject.facts([A]), subject.live(NOW, 1)):
        assert request["ConsistentRead"] is True


ODD = ['["s#1", ""]', '["", "s"]', '["s#1"]', '["s#1", "s", "s"]', '["\\ud800", "s"]', "[[], []]"]
ODD += ['"ab"', '{"a": 1, "b": 2}', "null", "[1, 2]", "9" * 5000, "[" * 100_000, '["s#1", "s"] ']
LONG = [json.dumps(["s#1", "x" * 1025]), json.dumps(["\u4e2d" * 683, "s"])]


@given(st.lists(NAMES, max_size=3).map(json.dumps) | st.text() | st.sampled_from(ODD + LONG))
@settings(deadline=None)
def test_what_is_taken_for_a_cursor_is_one(text):
    try:
        start = listing.from_cursor(text)
    except ValueError:
        return
    assert_legal(Request("Scan", {"TableName": "sessions", "ExclusiveStartKey": start}))


@given(SHORT, st.text(STORABLE, min_size=1, max_size=255))
def test_a_page_may_end_at_any_item_of_ours(name, value):
    for key in (encoding.session_key(A), encoding.entry_key(name, value, A)):
        assert listing.from_cursor(listing.to_cursor(key)) == key
