"""Items of a shape that this package never writes. No server is needed."""

from dataclasses import replace
from datetime import timedelta
from logging import WARNING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.encoding import FACTS, PK, SIZE, SK, VERSION, to_record
from support.dynamodb_cases import ID, item_of
from support.record_cases import BARE, NOW, RECORD

SECRET = "a-secret-value"
DIGITS = ["", "x", "1.5", "1e3", "1E+20", "-1", "9" * 18, "9" * 38, "9" * 5000, f"-{'9' * 20}"]
WIRE = st.recursive(
    st.one_of(
        st.builds(lambda text: {"S": text}, st.text() | st.just(SECRET)),
        st.builds(lambda digits: {"N": digits}, st.sampled_from(DIGITS)),
        st.builds(lambda data: {"B": data}, st.binary()),
        st.sampled_from([{"NULL": True}, {"BOOL": False}, {"SS": [SECRET]}, {"NS": ["1"]}]),
    ),
    lambda inner: st.one_of(
        st.builds(lambda content: {"L": content}, st.lists(inner, max_size=2)),
        st.builds(
            lambda content: {"M": content},
            st.dictionaries(st.sampled_from(["user", "org", ""]), inner, max_size=2),
        ),
    ),
    max_leaves=3,
)
FACT = st.sampled_from([*FACTS[2:], encoding.BOUND, encoding.TTL, ".a", ".", "." * 2, "other"])
MUTATIONS = st.dictionaries(FACT, st.none() | WIRE, min_size=1, max_size=3)
QUIET = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def mutated(changes):
    """Return an item with changed attributes; None removes an attribute."""
    changed = {**item_of(replace(RECORD, label=SECRET)), **changes}
    return {name: value for name, value in changed.items() if value is not None}


@QUIET
@given(MUTATIONS)
def test_whatever_is_wrong_it_is_read_or_absent_with_a_line_in_the_log(caplog, changes):
    caplog.clear()
    item = mutated(changes)
    record = to_record(ID, item)
    logged = [(line.name, line.levelno, line.args) for line in caplog.records]
    told = [("django.security.SuspiciousSession", WARNING, (ID,))]
    assert logged == ([] if record else told)
    assert SECRET not in caplog.text


@QUIET
@given(MUTATIONS)
def test_whatever_is_wrong_listings_go_around_it(caplog, changes):
    item, whole = mutated(changes), {**item_of(RECORD), PK: {"S": "s#whole"}}
    found = encoding.to_entries([item, whole])
    assert ("whole", RECORD) in found
    assert [each for each in encoding.live_entries([item, whole], NOW) if each not in found] == []
    assert encoding.reference_in(item, "user") in (None, "42") or "references" in changes
    assert [*encoding.transaction_batches([whole, item])]
    assert encoding.check_ids([item], [ID]) == [item]
    assert encoding.primary_key(item) == encoding.session_key(ID)


@pytest.mark.parametrize("fact", ["created", "seen", "expires"])
@pytest.mark.parametrize("digits", [None, "", "x", "1.5", "9" * 18, "9" * 30, "9" * 5000])
def test_a_time_that_is_none(caplog, fact, digits):
    item = {**item_of(RECORD), fact: {"N": digits} if digits is not None else {"S": "1"}}
    assert to_record(ID, item) is None
    (line,) = caplog.records
    assert ID in line.getMessage()
    assert "9" * 18 not in line.getMessage()


@pytest.mark.parametrize("fact", ["created", "seen", "expires", "references", VERSION])
def test_what_every_item_has_is_missing(caplog, fact):
    item = item_of(RECORD)
    del item[fact]
    assert to_record(ID, item) is None
    assert len(caplog.records) == 1


@pytest.mark.parametrize("name", [SIZE, encoding.BOUND, encoding.TTL, "ip", "agent", "label"])
def test_what_no_record_needs_may_be_missing(name):
    item = item_of(replace(RECORD, ip=None, user_agent="", label=""))
    item.pop(name, None)
    assert to_record(ID, item) == replace(RECORD, ip=None, user_agent="", label="")


def test_a_number_that_is_none_is_nothing():
    for value in ({"S": "1"}, {"N": "1.5"}, {"N": ""}, {"N": "9" * 5000}, {"M": {}}, {"B": b"1"}):
        assert encoding.number_in({"n": value}, "n") == 0
    assert encoding.number_in({}, "n") == 0
    assert encoding.number_in({"n": {"N": "-7"}}, "n") == -7


def test_live_are_those_that_are_whole_and_not_over(caplog):
    ahead = replace(BARE, expires_at=NOW + timedelta(microseconds=1))
    answered = [item_of(ahead), item_of(BARE), {**item_of(ahead), SK: {"S": "x"}}, keys_alone()]
    assert encoding.live_entries(answered, NOW) == [(ID, ahead), (ID, ahead)]
    assert len(caplog.records) == 1


def keys_alone():
    return encoding.session_key(ID)
