"""Whatever happens while a session comes from elsewhere: nobody is logged out who was not, and
nobody is let in again who was."""

from __future__ import annotations

import pytest

from django_multisession import sessions
from django_multisession.core import keys
from support.previous_engine import Outage, Steps
from support.project import install
from support.subjects import make_record

ADA = {"_auth_user_id": b'"7"', "org_id": b'"3"', "cart": b"[1]"}
REFERENCES = {"user": "7", "org": "3"}


@pytest.fixture(autouse=True)
def project(memory_storage, settings, monkeypatch):
    settings.MULTISESSION_REFERENCES = {"user": "_auth_user_id", "org": "org_id"}
    install(memory_storage, settings, monkeypatch)


@pytest.fixture
def key(elsewhere, clock):
    return elsewhere.keep(make_record(clock, fields=ADA, references=REFERENCES))


@pytest.fixture
def steps(elsewhere, memory_storage, monkeypatch):
    steps = Steps()
    steps.watch_all(elsewhere, memory_storage, monkeypatch)
    return steps


IMPORT = [
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


def assert_it_is_over(store, key):
    for _ in range(2):
        assert store(key).load() == {}
    assert store.storage.read(keys.hash_key(key)) is None


@pytest.mark.parametrize("step", IMPORT)
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_it_is_ended_while_it_comes(session, store, steps, key, ending, step):
    steps.at(step, lambda: ending(store, key))
    session(key).load()
    assert not steps.is_waiting
    assert_it_is_over(store, key)


BY_KEY = {
    "flush": lambda session, key: session(key).flush(),
    "delete": lambda session, key: session(key).delete(),
    "cycle_key": lambda session, key: session(key).cycle_key(),
}
STEPS_OF_ENDING = [
    f"{when} {verb}" for verb in ("delete", "rename", "remove") for when in ("before", "after")
]


@pytest.mark.parametrize("step", STEPS_OF_ENDING)
@pytest.mark.parametrize("verb", BY_KEY)
def test_it_comes_while_it_is_ended_by_its_key(session, store, steps, key, verb, step):
    steps.at(step, lambda: store(key).load())
    BY_KEY[verb](session, key)
    assert_it_is_over(store, key)


OF_MANY = {
    "log out everywhere": lambda api: api.log_out_everywhere(7),
    "end those of an org": lambda api: api.end_matching("org", 3),
    "clear": lambda api: api.clear(),
}
STEPS_OF_MANY = [
    f"{when} {verb}"
    for verb in ("acquire_lease", "delete_matching", "clear")
    for when in ("before", "after")
]


@pytest.mark.parametrize("step", STEPS_OF_MANY)
@pytest.mark.parametrize("ending", OF_MANY.values(), ids=OF_MANY)
def test_it_comes_while_all_are_ended(dialect, store, steps, key, ending, step):
    steps.at(step, lambda: store(key).load())
    ending(dialect(sessions))
    assert_it_is_over(store, key)


@pytest.mark.parametrize("step", IMPORT)
def test_another_request_while_it_comes(session, store, steps, key, step):
    """Nobody is logged out, and there is one session."""
    seen = []
    steps.at(step, lambda: seen.append(store(key).load().get("cart")))
    assert session(key).get("cart") == [1]
    assert seen == [[1]]
    assert session(key).get("cart") == [1]
    assert store.storage.count() == 1


@pytest.mark.parametrize("step", IMPORT)
def test_what_another_request_saves_while_it_comes_is_not_lost(session, store, steps, key, step):
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
    assert_it_is_over(store, key)


# What is left there, and does not come again


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_one_that_could_not_be_removed(session, store, elsewhere, key, ending):
    elsewhere.broken = {"remove": Outage()}
    assert session(key).get("cart") == [1]
    elsewhere.broken = {}
    ending(store, key)
    assert_it_is_over(store, key)
    assert elsewhere.count() == 0


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_one_that_can_never_be_removed(session, store, elsewhere, key, ending):
    """Its server lets us read, and no more: whatever requests end in, they let nobody in."""
    elsewhere.broken = {"remove": Outage()}
    assert session(key).get("cart") == [1]
    ending(store, key)
    for _ in range(3):
        assert fields_or_outage(session, key) == {}


def fields_or_outage(session, key):
    try:
        return dict(session(key).items())
    except Outage:
        return {}


@pytest.mark.parametrize("verb", OF_MANY)
def test_ended_before_it_came_from_where_it_cannot_be_removed(
    dialect, session, elsewhere, key, verb
):
    OF_MANY[verb](dialect(sessions))
    elsewhere.broken = {"remove": Outage()}
    for _ in range(3):
        assert fields_or_outage(session, key) == {}


@pytest.mark.parametrize("step", IMPORT[3:])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_a_request_that_is_stopped_while_it_comes(store, steps, key, ending, step):
    """As gunicorn stops one that takes too long, and asyncio one whose client has gone."""

    def stop():
        raise SystemExit

    steps.at(step, stop)
    with pytest.raises(SystemExit):
        store(key).load()
    assert store(key).load()["cart"] == [1]
    ending(store, key)
    assert_it_is_over(store, key)
