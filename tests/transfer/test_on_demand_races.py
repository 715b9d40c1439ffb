"""`on_demand` under races: another call at every step of a migration, in both dialects.

A user who did not log out stays logged in, and a session that was ended lets nobody in again.
"""

from __future__ import annotations

import pytest

from django_multisession import sessions
from django_multisession.core import keys
from support.previous_engine import Outage
from support.project import install


@pytest.fixture(autouse=True)
def project(memory_storage, settings, monkeypatch):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    install(memory_storage, settings, monkeypatch)


@pytest.fixture
def key(store_at_source):
    """The key of a session of user 7 and organisation 3 in the previous engine."""
    return store_at_source(org_id="3")


MIGRATION_STEPS = [
    f"{when} {verb}"
    for verb in ("read", "find", "insert", "active_leases", "remove")
    for when in ("before", "after")
]


def loaded(store, key):
    holder = store(key)
    holder.get("cart")
    return holder


ENDINGS = {
    "flush": lambda store, key: loaded(store, key).flush(),
    "flush unread": lambda store, key: store(key).flush(),
    "delete": lambda store, key: store().delete(key),
    "read, then end": lambda store, key: (loaded(store, key), end(key)),
    "log out everywhere": lambda store, key: sessions.log_out_everywhere(7),
    "end those of an org": lambda store, key: sessions.end_matching("org", 3),
    "clear": lambda store, key: sessions.clear(),
    "new key": lambda store, key: loaded(store, key).cycle_key(),
    "new key unread": lambda store, key: store(key).cycle_key(),
}


def end(key):
    sessions.end(keys.hash_key(key))


def assert_is_ended(store, key):
    for _ in range(2):
        assert store(key).load() == {}
    assert store.storage.read(keys.hash_key(key)) is None


@pytest.mark.parametrize("step", MIGRATION_STEPS)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_session_is_ended_while_it_is_moved(session, store, steps, key, ending, step):
    steps.at(step, lambda: ending(store, key))
    session(key).load()
    assert not steps.is_waiting
    assert_is_ended(store, key)


ENDINGS_BY_KEY = {
    "flush": lambda session, key: session(key).flush(),
    "delete": lambda session, key: session(key).delete(),
    "cycle_key": lambda session, key: session(key).cycle_key(),
}
ENDING_STEPS = [
    f"{when} {verb}" for verb in ("delete", "rename", "remove") for when in ("before", "after")
]


@pytest.mark.parametrize("step", ENDING_STEPS)
@pytest.mark.parametrize("verb", ENDINGS_BY_KEY)
def test_a_session_is_moved_while_it_is_ended_by_its_key(session, store, steps, key, verb, step):
    steps.at(step, lambda: store(key).load())
    ENDINGS_BY_KEY[verb](session, key)
    assert_is_ended(store, key)


BULK_ENDINGS = {
    "log out everywhere": lambda api: api.log_out_everywhere(7),
    "end those of an org": lambda api: api.end_matching("org", 3),
    "clear": lambda api: api.clear(),
}
BULK_ENDING_STEPS = [
    f"{when} {verb}"
    for verb in ("acquire_lease", "delete_matching", "clear")
    for when in ("before", "after")
]


@pytest.mark.parametrize("step", BULK_ENDING_STEPS)
@pytest.mark.parametrize("ending", BULK_ENDINGS.values(), ids=BULK_ENDINGS)
def test_a_session_is_moved_while_all_are_ended(dialect, store, steps, key, ending, step):
    steps.at(step, lambda: store(key).load())
    ending(dialect(sessions))
    assert_is_ended(store, key)


@pytest.mark.parametrize("step", MIGRATION_STEPS)
def test_another_request_reads_the_session_while_it_is_moved(session, store, steps, key, step):
    """Nobody is logged out, and the session is stored once."""
    carts = []
    steps.at(step, lambda: carts.append(store(key).load().get("cart")))
    assert session(key).get("cart") == [1]
    assert carts == [[1]]
    assert session(key).get("cart") == [1]
    assert store.storage.count() == 1


@pytest.mark.parametrize("step", MIGRATION_STEPS)
def test_what_another_request_saves_during_the_migration_is_not_lost(
    session, store, steps, key, step
):
    def save():
        holder = store(key)
        holder["name"] = "ada"
        holder.save()

    steps.at(step, save)
    holder = session(key)
    holder.update({"seen": True})
    holder.save()
    fields = dict(session(key).items())
    assert {**fields, "name": "ada", "seen": True, "cart": [1]} == fields


@pytest.mark.parametrize("step", ["before rename", "after rename"])
def test_another_request_while_an_unread_one_gets_a_new_key(session, store, steps, key, step):
    steps.at(step, lambda: store(key).load())
    holder = session(key)
    holder.cycle_key()
    assert session(holder.subject.session_key).get("cart") == [1]
    assert_is_ended(store, key)


# Sessions that are left in the previous engine and must not be moved again


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_session_that_could_not_be_removed_for_a_while(session, store, source, key, ending):
    source.broken = {"remove": Outage()}
    assert session(key).get("cart") == [1]
    source.broken = {}
    ending(store, key)
    assert_is_ended(store, key)
    assert source.count() == 0


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_session_that_can_never_be_removed(session, store, source, key, ending):
    """The previous server allows reads only. A request may fail, but it lets nobody in."""
    source.broken = {"remove": Outage()}
    assert session(key).get("cart") == [1]
    ending(store, key)
    for _ in range(3):
        assert fields_or_outage(session, key) == {}


def fields_or_outage(session, key):
    try:
        return dict(session(key).items())
    except Outage:
        return {}


@pytest.mark.parametrize("verb", BULK_ENDINGS)
def test_a_session_that_cannot_be_removed_is_ended_before_it_is_moved(
    dialect, session, source, key, verb
):
    BULK_ENDINGS[verb](dialect(sessions))
    source.broken = {"remove": Outage()}
    for _ in range(3):
        assert fields_or_outage(session, key) == {}


@pytest.mark.parametrize("step", MIGRATION_STEPS[3:])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_request_is_stopped_while_it_moves_the_session(store, steps, key, ending, step):
    """Gunicorn stops a request that takes too long, and asyncio one whose client has gone."""

    def stop():
        raise SystemExit

    steps.at(step, stop)
    with pytest.raises(SystemExit):
        store(key).load()
    assert store(key).load()["cart"] == [1]
    ending(store, key)
    assert_is_ended(store, key)
