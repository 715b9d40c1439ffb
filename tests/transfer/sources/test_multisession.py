"""`sources.multisession`: another engine of this package, whose records are moved unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from redis.exceptions import ConnectionError

from django_multisession.core import keys
from django_multisession.storage.redis import RedisStorage
from support.outages import FAST
from support.servers import HOST, free_port
from support.source_cases import assert_every_method_raises, only
from support.subjects import Clock

ADA = {"_auth_user_id": "7", "cart": [1]}
every_storage = only("ours_memory", "ours_redis", "ours_db")


@every_storage
def test_the_whole_record_is_moved(previous, session, store, clock):
    holder = previous.store()
    holder.label, holder["_auth_user_id"] = "CI", "7"
    holder.save()
    before = previous.store.storage.read(holder.handle)
    clock.advance(days=1)
    assert session(holder.session_key).get("_auth_user_id") == "7"
    assert store.storage.read(holder.handle) == before
    assert previous.store.storage.read(holder.handle) is None


@every_storage
def test_a_session_is_named_by_its_key_or_its_handle(previous):
    key = previous.keep(**ADA)
    handle = keys.hash_key(key)
    assert previous.source.find(key) == previous.source.find(handle) is not None
    assert [previous.source.remove(handle), previous.source.remove(key)] == [True, False]


@every_storage
def test_handles_are_listed(previous):
    stored = {keys.hash_key(previous.keep(**ADA)) for _ in range(3)}
    listed = dict(previous.source.iterate())
    assert listed.keys() == stored
    assert [read().fields["cart"] for read in listed.values()] == [b"[1]"] * 3
    assert previous.source.count() == 3


@only("ours_memory")
def test_an_expired_session_is_not_found(previous, clock):
    key = previous.keep(**ADA)
    clock.advance(days=15)
    assert previous.source.find(key) is None


@only("ours_memory")
def test_a_handle_in_a_cookie_is_not_looked_for(previous):
    key = previous.keep(**ADA)
    assert previous.source.may_have(key)
    assert not previous.source.may_have(keys.hash_key(key))


@only("ours_memory")
def test_a_corrupt_field_is_moved_as_it_is(previous, session, store):
    key = previous.keep(**ADA)
    storage, handle = previous.store.storage, keys.hash_key(key)
    record = storage.read(handle)
    storage.delete(handle)
    storage.insert(handle, replace(record, fields={**record.fields, "bad": b'{"'}))
    assert dict(session(key).items()) == ADA
    assert store.storage.read(handle).fields["bad"] == b'{"'


@pytest.mark.thorough  # hardly depends on versions
@only("ours_redis")
def test_a_server_that_cannot_be_reached(previous, session, store, monkeypatch):
    url = f"redis://{HOST}:{free_port()}"
    storage = RedisStorage(url=url, options=FAST, clock=Clock())
    monkeypatch.setattr(previous.store, "storage", storage)
    assert_every_method_raises(session, store.storage, keys.new_key(), ConnectionError)
