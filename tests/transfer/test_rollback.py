"""`rollback`: engines of Django that take over sessions of this package, in both dialects."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from importlib import import_module
from types import SimpleNamespace

import pytest

from django_multisession.backends import memory
from django_multisession.core import keys
from django_multisession.transfer import on_demand
from support import old_engines
from support.old_engines import OURS
from support.previous_engine import Outage, Steps
from support.together import at_once, few_connections, threads  # noqa: F401 - close connections

KINDS = ["db", "cached_db", "cache", "file"]
ADA = {"_auth_user_id": "7", "cart": [1], "name": "\u00fc"}
PARALLEL = 8


@pytest.fixture(params=KINDS)
def rollback(relations, request, memory_storage, settings, monkeypatch):
    """An engine of Django that moves sessions out of this package's memory engine.

    ``store``: its session class. ``django_store``: Django's own session class on the same data.
    """
    for engine in old_engines.opened(request.param, request):
        store = import_module(f"{OURS}django_{request.param}").SessionStore
        settings.SESSION_ENGINE = store.__module__
        settings.MULTISESSION_MIGRATE_FROM = [memory.__name__]
        monkeypatch.setattr(memory.SessionStore, "storage", memory_storage)
        yield SimpleNamespace(kind=request.param, store=store, django_store=engine.store)


@pytest.fixture
def session(rollback, dialect):
    return lambda key=None: dialect(rollback.store(key))


@pytest.fixture
def keep(rollback):
    """``keep(expiry, **data)``: store a session in the memory engine and return its key."""

    def keep(expiry=None, **data):
        holder = memory.SessionStore()
        holder.update(data)
        if expiry is not None:
            holder.set_expiry(expiry)
        holder.save()
        return holder.session_key

    return keep


@pytest.fixture
def steps(memory_storage, monkeypatch):
    """The calls of the memory storage, and a way to interrupt them at any step."""
    steps = Steps()
    for verb in ("read", "delete"):
        steps.watch(memory_storage, verb, monkeypatch)
    return steps


def test_a_session_is_moved(rollback, session, keep, memory_storage):
    key = keep(**ADA)
    holder = session(key)
    assert dict(holder.items()) == ADA
    assert holder.subject.session_key == key
    assert memory_storage.count() == 0
    assert dict(rollback.django_store(key).items()) == ADA
    assert dict(session(key).items()) == ADA


def test_its_own_sessions_are_not_looked_for_in_this_package(rollback, session, steps):
    holder = session()
    holder.update({"a": 1})
    holder.save()
    assert session(holder.subject.session_key).get("a") == 1
    assert steps.taken == []


def test_an_unknown_key_is_looked_for_once(session, steps):
    key = keys.new_key()
    for _ in range(3):
        holder = session(key)
        assert dict(holder.items()) == {}
        assert holder.subject.session_key is None
    assert steps.taken == ["read"]


@pytest.mark.parametrize("offered", ["", "short", "A" * 43, "x" * 41, "../" * 12])
def test_text_that_is_not_a_key_reaches_no_storage(session, steps, offered):
    assert dict(session(offered).items()) == {}
    assert steps.taken == []


def test_a_handle_is_not_a_key(session, keep, memory_storage):
    key = keep(**ADA)
    assert dict(session(keys.hash_key(key)).items()) == {}
    assert memory_storage.count() == 1


def test_an_expired_session_is_not_moved(session, keep, clock):
    key = keep(60, **ADA)
    clock.advance(minutes=2)
    assert dict(session(key).items()) == {}


def test_the_expiry_is_kept(rollback, session, keep):
    end = datetime.now(timezone.utc) + timedelta(days=3)
    dated, timed = session(keep(end, **ADA)), session(keep(3600, **ADA))
    assert abs(dated.get_expiry_date() - end) < timedelta(seconds=2)
    assert timed.get_expiry_age() == 3600
    assert session(keep(0, **ADA)).get_expire_at_browser_close() is True


ENDINGS = {
    "flush": lambda holder: (holder.get("cart"), holder.flush()),
    "delete": lambda holder: (holder.get("cart"), holder.delete()),
    "cycle_key": lambda holder: (holder.get("cart"), holder.cycle_key()),
    "flush unread": lambda holder: holder.flush(),
    "delete unread": lambda holder: holder.delete(),
    "cycle_key unread": lambda holder: holder.cycle_key(),
}
with_each_ending = pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)


@with_each_ending
def test_an_ended_session_stays_ended(session, keep, memory_storage, ending):
    key = keep(**ADA)
    ending(session(key))
    for _ in range(2):
        assert dict(session(key).items()) == {}
    assert memory_storage.count() == 0


def test_a_new_key_keeps_the_data(session, keep):
    holder = session(keep(**ADA))
    holder.cycle_key()
    assert dict(session(holder.subject.session_key).items()) == ADA


STEPS = ["before read", "after read", "before delete", "after delete"]


@pytest.mark.parametrize("step", STEPS)
def test_another_request_reads_the_session_while_it_is_moved(rollback, session, keep, steps, step):
    key, carts = keep(**ADA), []
    steps.at(step, lambda: carts.append(rollback.store(key).get("cart")))
    assert session(key).get("cart") == [1]
    assert carts == [[1]]
    assert session(key).get("cart") == [1]


@pytest.mark.parametrize("step", STEPS)
@with_each_ending
def test_a_session_is_ended_while_it_is_moved(rollback, session, keep, steps, ending, step):
    key = keep(**ADA)
    steps.at(step, lambda: ending(rollback.store(key)))
    session(key).get("cart")
    for _ in range(2):
        assert dict(session(key).items()) == {}


def test_an_outage_is_raised(session, keep, memory_storage, monkeypatch):
    key = keep(**ADA)
    with monkeypatch.context() as broken:
        broken.setattr(memory_storage, "read", fail)
        for _ in range(2):
            with pytest.raises(Outage):
                session(key).get("cart")
    assert session(key).get("cart") == [1]


def test_a_session_that_could_not_be_removed_is_not_moved_again(
    session, keep, memory_storage, monkeypatch
):
    key = keep(**ADA)
    with monkeypatch.context() as broken:
        broken.setattr(memory_storage, "delete", fail)
        assert session(key).get("cart") == [1]
    holder = session(key)
    assert holder.get("cart") == [1]
    holder.flush()
    assert dict(session(key).items()) == {}


def fail(*args):
    raise Outage


@pytest.mark.parametrize("rollback", ["cached_db", "cache", "file"], indirect=True)
def test_threads(rollback, keep):
    def request(key):
        assert rollback.store(key).get("cart") == [1], "logged out"

    for _ in range(10):
        key = keep(**ADA)
        assert at_once([lambda key=key: request(key)] * PARALLEL) == [None] * PARALLEL
        rollback.store(key).delete()
        assert rollback.store(key).load() == {}


def test_what_it_costs(session, keep, steps):
    key = keep(**ADA)
    steps.taken.clear()
    session(key).load()
    assert steps.taken == ["read", "delete"]


def test_only_the_latest_unknown_keys_are_remembered(session, settings, monkeypatch):
    settings.MULTISESSION_TTL = None  # any setting that is set makes the process forget all keys
    monkeypatch.setattr(on_demand, "MAX_UNKNOWN", 2)
    offered = [keys.new_key() for _ in range(5)]
    for key in offered:
        session(key).load()
    remembered = [key for key in offered if on_demand.is_unknown(keys.hash_key(key))]
    assert remembered == offered[-2:]
