"""The way back, to engines of Django's, in both dialects."""

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
def back(relations, request, memory_storage, settings, monkeypatch):
    """Django's engine, to which sessions go back: ``store``, and whether it ``has`` a key."""
    for old in old_engines.opened(request.param, request):
        store = import_module(f"{OURS}django_{request.param}").SessionStore
        settings.SESSION_ENGINE = store.__module__
        settings.MULTISESSION_MIGRATE_FROM = [memory.__name__]
        monkeypatch.setattr(memory.SessionStore, "storage", memory_storage)
        yield SimpleNamespace(kind=request.param, store=store, djangos=old.store)


@pytest.fixture
def session(back, dialect):
    return lambda key=None: dialect(back.store(key))


@pytest.fixture
def keep(back):
    """``keep(data)``: the key of a session of ours."""

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
    steps = Steps()
    for verb in ("read", "delete"):
        steps.watch(memory_storage, verb, monkeypatch)
    return steps


def test_it_comes_and_is_gone_here(back, session, keep, memory_storage):
    key = keep(**ADA)
    holder = session(key)
    assert dict(holder.items()) == ADA
    assert holder.subject.session_key == key
    assert memory_storage.count() == 0
    assert dict(back.djangos(key).items()) == ADA
    assert dict(session(key).items()) == ADA


def test_its_own_are_nobody_elses_business(back, session, steps):
    holder = session()
    holder.update({"a": 1})
    holder.save()
    assert session(holder.subject.session_key).get("a") == 1
    assert steps.taken == []


def test_an_unknown_key_is_asked_for_once(session, steps):
    key = keys.new_key()
    for _ in range(3):
        holder = session(key)
        assert dict(holder.items()) == {}
        assert holder.subject.session_key is None
    assert steps.taken == ["read"]


@pytest.mark.parametrize("offered", ["", "short", "A" * 43, "x" * 41, "../" * 12])
def test_what_is_no_key_of_ours_reaches_no_storage(session, steps, offered):
    assert dict(session(offered).items()) == {}
    assert steps.taken == []


def test_a_handle_is_no_key(session, keep, memory_storage):
    key = keep(**ADA)
    assert dict(session(keys.hash_key(key)).items()) == {}
    assert memory_storage.count() == 1


def test_one_that_is_over_does_not_come(session, keep, clock):
    key = keep(60, **ADA)
    clock.advance(minutes=2)
    assert dict(session(key).items()) == {}


def test_its_end_is_its_own(back, session, keep):
    end = datetime.now(timezone.utc) + timedelta(days=3)
    first, second = session(keep(end, **ADA)), session(keep(3600, **ADA))
    assert abs(first.get_expiry_date() - end) < timedelta(seconds=2)
    assert second.get_expiry_age() == 3600
    assert session(keep(0, **ADA)).get_expire_at_browser_close() is True


ENDINGS = {
    "flush": lambda holder: (holder.get("cart"), holder.flush()),
    "delete": lambda holder: (holder.get("cart"), holder.delete()),
    "cycle_key": lambda holder: (holder.get("cart"), holder.cycle_key()),
    "flush unread": lambda holder: holder.flush(),
    "delete unread": lambda holder: holder.delete(),
    "cycle_key unread": lambda holder: holder.cycle_key(),
}
each_ending = pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)


@each_ending
def test_ended_stays_ended(session, keep, memory_storage, ending):
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
def test_another_request_while_it_comes(back, session, keep, steps, step):
    key, seen = keep(**ADA), []
    steps.at(step, lambda: seen.append(back.store(key).get("cart")))
    assert session(key).get("cart") == [1]
    assert seen == [[1]]
    assert session(key).get("cart") == [1]


@pytest.mark.parametrize("step", STEPS)
@each_ending
def test_it_is_ended_while_it_comes(back, session, keep, steps, ending, step):
    key = keep(**ADA)
    steps.at(step, lambda: ending(back.store(key)))
    session(key).get("cart")
    for _ in range(2):
        assert dict(session(key).items()) == {}


def test_an_outage_is_raised(session, keep, memory_storage, monkeypatch):
    key = keep(**ADA)
    with monkeypatch.context() as broken:
        broken.setattr(memory_storage, "read", raising)
        for _ in range(2):
            with pytest.raises(Outage):
                session(key).get("cart")
    assert session(key).get("cart") == [1]


def test_what_could_not_be_removed_does_not_come_again(session, keep, memory_storage, monkeypatch):
    key = keep(**ADA)
    with monkeypatch.context() as broken:
        broken.setattr(memory_storage, "delete", raising)
        assert session(key).get("cart") == [1]
    holder = session(key)
    assert holder.get("cart") == [1]
    holder.flush()
    assert dict(session(key).items()) == {}


def raising(*args):
    raise Outage


@pytest.mark.parametrize("back", ["cached_db", "cache", "file"], indirect=True)
def test_threads(back, keep):
    def request(key):
        assert back.store(key).get("cart") == [1], "logged out"

    for _ in range(10):
        key = keep(**ADA)
        assert at_once([lambda key=key: request(key)] * PARALLEL) == [None] * PARALLEL
        back.store(key).delete()
        assert back.store(key).load() == {}


def test_what_it_costs(session, keep, steps):
    key = keep(**ADA)
    steps.taken.clear()
    session(key).load()
    assert steps.taken == ["read", "delete"]


def test_a_reader_of_strangers_forgets_them(session, monkeypatch):
    monkeypatch.setattr(on_demand, "MAX_UNKNOWN", 2)
    on_demand._unknown_handles().clear()
    for _ in range(5):
        session(keys.new_key()).load()
    assert len(on_demand._unknown_handles()) == 2
