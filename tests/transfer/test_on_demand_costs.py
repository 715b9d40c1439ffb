"""The round trips of `on_demand`: with and without previous engines, in both dialects."""

from __future__ import annotations

import pytest

from django_multisession.core import keys
from django_multisession.transfer import on_demand
from support.previous_engine import Outage, Steps


@pytest.fixture
def steps(steps, memory_storage, monkeypatch):
    """The calls of the source and of the storage, with a bulk deletion counted as one call."""
    bulk = as_one_call(memory_storage, steps)
    monkeypatch.setattr(memory_storage, "delete_matching", bulk)
    steps.watch(memory_storage, "update", monkeypatch)
    return steps


def as_one_call(storage, steps):
    """Return ``delete_matching`` without the single deletions that the memory storage makes."""
    verb = type(storage).delete_matching

    def delete_matching(*args):
        before = list(steps.taken)
        entries = list(verb(storage, *args))
        steps.taken[:] = [*before, "delete_matching"]
        return iter(entries)

    return delete_matching


COSTS = {
    "load": (lambda session, key: session(key).load(), ["read"]),
    "exists": (lambda session, key: session().exists(key), ["read"]),
    "get_fields": (lambda session, key: session(key).get_fields("cart"), ["read"]),
    "touch": (lambda session, key: session(key).touch(), ["read", "update"]),
    "flush": (lambda session, key: session(key).flush(), ["delete"]),
    "cycle_key": (lambda session, key: session(key).cycle_key(), ["rename"]),
}


# With previous engines these methods add a tombstone, since one of them may have a copy.
COSTS_WITH_TOMBSTONE = {
    "flush": ["acquire_lease", "delete"],
    "cycle_key": ["rename", "acquire_lease"],
}


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("is_configured", [True, False])
def test_a_hit_costs_nothing_more_but_a_tombstone_when_it_ends(
    session, steps, configure_sources, name, is_configured
):
    if not is_configured:
        configure_sources()
    holder = session()
    holder.update({"cart": 1})
    holder.save()
    steps.taken.clear()
    call, expected = COSTS[name]
    call(session, holder.subject.session_key)
    assert steps.taken == (COSTS_WITH_TOMBSTONE.get(name, expected) if is_configured else expected)


@pytest.mark.parametrize("name", COSTS)
def test_without_sources_a_miss_costs_nothing_more(session, steps, configure_sources, name):
    configure_sources()
    call, expected = COSTS[name]
    call(session, keys.new_key())
    assert steps.taken == expected[:1]


def test_without_sources_ending_costs_nothing_more(quick, steps, configure_sources):
    configure_sources()
    quick.create(data={"_auth_user_id": "7"})
    steps.taken.clear()
    quick.log_out_everywhere(7), quick.clear()
    assert steps.taken == ["delete_matching", "clear"]


def test_an_unknown_key_is_looked_for_once(session, steps):
    key = keys.new_key()
    for name in ("load", "get_fields", "exists", "touch", "cycle_key"):
        COSTS[name][0](session, key)
    assert steps.taken.count("find") == 1


def test_ending_a_session_that_is_known_to_be_unknown_asks_no_source(session, steps):
    key = keys.new_key()
    session(key).load()
    for _ in range(3):
        session(key).flush()
    assert "remove" not in steps.taken


def test_a_session_that_is_moved(store_at_source, session, steps):
    session(store_at_source()).load()
    assert len(steps.taken) <= 6  # with the read that missed it and the one that found it
    assert steps.taken.count("find") == 1


def test_each_of_several_sources_is_asked_once(
    session, store_at_source, source, configure_sources, monkeypatch
):
    sources = [type(source)(), type(source)(), source]
    steps = Steps()
    for watched in sources:
        steps.watch(watched, "find", monkeypatch)
    configure_sources(*sources)
    assert session(store_at_source()).get("cart") == [1]
    assert steps.taken == ["find"] * 3
    session(keys.new_key()).load()
    assert steps.taken == ["find"] * 6


def test_only_the_latest_unknown_keys_are_remembered(session, source, settings, monkeypatch):
    settings.MULTISESSION_TTL = None  # any setting that is set makes the process forget all keys
    monkeypatch.setattr(on_demand, "MAX_UNKNOWN", 5)
    offered = [keys.new_key() for _ in range(20)]
    for key in offered:
        session(key).load()
    remembered = [key for key in offered if on_demand.is_unknown(keys.hash_key(key))]
    assert remembered == offered[-5:]


def test_after_an_outage_the_key_is_looked_for_again(session, store_at_source, source, steps):
    key = store_at_source()
    source.broken = {"find": Outage()}
    with pytest.raises(Outage):
        session(key).load()
    source.broken = {}
    assert session(key).get("cart") == [1]
    assert steps.taken.count("find") == 2
