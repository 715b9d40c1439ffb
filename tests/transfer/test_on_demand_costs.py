"""What it costs to look for sessions elsewhere, and what it costs not to, in both dialects."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from django_multisession.transfer import on_demand
from support.previous_engine import Elsewhere, Outage, Steps, put
from support.subjects import make_record

ADA = {"_auth_user_id": b'"7"', "cart": b"[1]"}


@pytest.fixture
def kept(elsewhere, clock):
    """``kept()``: the key of another session there."""
    return lambda: elsewhere.keep(make_record(clock, fields=ADA))


@pytest.fixture
def steps(elsewhere, memory_storage, monkeypatch):
    steps = Steps()
    steps.watch_all(elsewhere, memory_storage, monkeypatch)
    monkeypatch.setattr(memory_storage, "delete_matching", deleted_found(memory_storage, steps))
    steps.watch(memory_storage, "update", monkeypatch)
    return steps


def deleted_found(storage, steps):
    """Without the single deletions that it makes."""
    verb = type(storage).delete_matching

    def delete_matching(*args):
        before = list(steps.taken)
        found = list(verb(storage, *args))
        steps.taken[:] = [*before, "delete_matching"]
        return iter(found)

    return delete_matching


COSTS = {
    "load": (lambda session, key: session(key).load(), ["read"]),
    "exists": (lambda session, key: session().exists(key), ["read"]),
    "get_fields": (lambda session, key: session(key).get_fields("cart"), ["read"]),
    "touch": (lambda session, key: session(key).touch(), ["read", "update"]),
    "flush": (lambda session, key: session(key).flush(), ["delete"]),
    "cycle_key": (lambda session, key: session(key).cycle_key(), ["rename"]),
}


# That a key is dead is noted, where something of its session may be left elsewhere.
NOTED = {"flush": ["acquire_lease", "delete"], "cycle_key": ["rename", "acquire_lease"]}


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("is_configured", [True, False])
def test_a_hit_costs_nothing_more_but_a_note_of_its_end(
    session, steps, monkeypatch, name, is_configured
):
    if not is_configured:
        put(monkeypatch, [])
    holder = session()
    holder.update({"cart": 1})
    holder.save()
    steps.taken.clear()
    call, expected = COSTS[name]
    call(session, holder.subject.session_key)
    assert steps.taken == (NOTED.get(name, expected) if is_configured else expected)


@pytest.mark.parametrize("name", COSTS)
def test_without_sources_a_miss_costs_nothing_more(session, steps, monkeypatch, name):
    put(monkeypatch, [])
    call, expected = COSTS[name]
    call(session, keys.new_key())
    assert steps.taken == expected[:1]


def test_without_sources_ending_costs_nothing_more(quick, steps, monkeypatch):
    put(monkeypatch, [])
    quick.create(data={"_auth_user_id": "7"})
    steps.taken.clear()
    quick.log_out_everywhere(7), quick.clear()
    assert steps.taken == ["delete_matching", "clear"]


def test_an_unknown_key_is_asked_for_once(session, steps):
    key = keys.new_key()
    for name in ("load", "get_fields", "exists", "touch", "cycle_key"):
        COSTS[name][0](session, key)
    assert steps.taken.count("find") == 1


def test_to_end_what_is_known_to_be_unknown_asks_nobody(session, steps):
    key = keys.new_key()
    session(key).load()
    for _ in range(3):
        session(key).flush()
    assert "remove" not in steps.taken


def test_one_that_comes(kept, session, steps):
    session(kept()).load()
    assert len(steps.taken) <= 6  # "six more", less the reads that found and missed it
    assert steps.taken.count("find") == 1


def test_several_sources_are_asked_once_each(session, kept, elsewhere, monkeypatch):
    others = [Elsewhere(), Elsewhere()]
    steps = Steps()
    for each in (*others, elsewhere):
        steps.watch(each, "find", monkeypatch)
    put(monkeypatch, [*others, elsewhere])
    assert session(kept()).get("cart") == [1]
    assert steps.taken == ["find"] * 3
    session(keys.new_key()).load()
    assert steps.taken == ["find"] * 6


def test_unknown_keys_are_not_remembered_for_ever(session, steps, monkeypatch):
    monkeypatch.setattr(on_demand, "MAX_UNKNOWN", 5)
    on_demand._unknown_handles().clear()
    last = [keys.new_key() for _ in range(20)]
    for key in last:
        session(key).load()
    assert [*on_demand._unknown_handles()] == [keys.hash_key(key) for key in last[-5:]]


def test_an_outage_is_no_answer(session, kept, elsewhere, steps):
    key = kept()
    elsewhere.broken = {"find": Outage()}
    with pytest.raises(Outage):
        session(key).load()
    elsewhere.broken = {}
    assert session(key).get("cart") == [1]
    assert steps.taken.count("find") == 2
