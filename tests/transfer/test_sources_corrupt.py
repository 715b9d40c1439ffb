"""What is at a source but no session: it does not come, and breaks nothing. Nor does what the
serializer cannot take, of which nothing is lost."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from django.core import signing

from django_multisession.core import keys
from django_multisession.transfer.base import CannotMove
from django_multisession.transfer.sources.redis_sessions import RedisSessionsSource
from support import any_engine, old_engines
from support.old_engines import APPS, cached_at

pytestmark = pytest.mark.thorough  # hardly a matter of versions

ADA = {"_auth_user_id": "7"}
PICKLE = "support.any_engine.PickleSerializer"

GARBAGE = {
    "empty": "",
    "no signature": "garbage",
    "another's signature": signing.dumps({"a": 1}, key="another", salt="any", compress=True),
    "old": "bm8gc2lnbmF0dXJl:e30=",
    "not text": "\u00fc\u2028",
}
TEXT = pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)


@pytest.fixture
def old(relations, request):
    yield from old_engines.opened(request.param, request)


def only(*kinds):
    return pytest.mark.parametrize("old", kinds, indirect=True)


def put(old, key, text):
    """In place of what the engine stored."""
    if old.kind in APPS:
        old.model.objects.filter(pk=key).update(session_data=text)
    elif old.kind == "file":
        Path(old.store(key)._key_to_file()).write_bytes(text.encode())
    elif old.kind == "redis_sessions":
        store = old.store(key)
        store.server.set(store.get_real_stored_key(key), text.encode())
    elif old.kind == "cache":
        cache, name = cached_at(key, old.store)
        cache.set(name, text)
    else:
        any_engine.KEPT[key] = text


@only("db", "user_sessions", "qsessions", "file", "redis_sessions", "other", "cache")
@TEXT
def test_garbage_does_not_come(old, session, store, garbage):
    key = old.keep(**ADA)
    put(old, key, garbage)
    assert dict(session(key).items()) == {}
    assert store.storage.count() == 0


@only("file")
def test_bytes_that_are_no_text_do_not_come(old, session, store):
    key = old.keep(**ADA)
    Path(old.store(key)._key_to_file()).write_bytes(b"\xff\xfe\x00garbage")
    assert dict(session(key).items()) == {}


@only("redis_sessions")
def test_bytes_in_redis_do_not_come(old, session):
    key = old.keep(**ADA)
    store = old.store(key)
    store.server.set(store.get_real_stored_key(key), b"\xff\xfe\x00garbage")
    assert dict(session(key).items()) == {}


@only("redis_sessions")
def test_a_string_without_an_end_gets_one(old, session):
    key = old.keep(**ADA)
    store = old.store(key)
    store.server.persist(store.get_real_stored_key(key))
    left = session(key).expires_at() - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(days=13) < left <= datetime.timedelta(days=14)


@only("redis_sessions")
def test_without_settings_it_is_where_its_package_takes_it_to_be(old, settings):
    old.keep(**ADA)
    del settings.SESSION_REDIS
    assert isinstance(old.source, RedisSessionsSource)
    assert old.source.count() == 1


@only("ours_memory")
def test_a_corrupt_field_of_ours_comes_as_it_is(old, session, store):
    key = old.keep(**ADA)
    storage, handle = old.store.storage, keys.hash_key(key)
    record = storage.read(handle)
    storage.delete(handle)
    storage.insert(handle, replace(record, fields={**record.fields, "bad": b'{"'}))
    assert dict(session(key).items()) == ADA
    assert store.storage.read(handle).fields["bad"] == b'{"'


# What the serializer cannot take


@pytest.fixture
def unmovable(old, settings):
    """The key of a session whose serializer was another one."""
    settings.SESSION_SERIALIZER = PICKLE
    key = old.keep(day=datetime.date(2026, 1, 2), **ADA)
    if old.kind == "cache":
        settings.SESSION_SERIALIZER = "django.contrib.sessions.serializers.JSONSerializer"
    return key


@only("cache")
def test_what_cannot_be_stored_stays_where_it_is(old, session, store, unmovable, settings):
    for _ in range(2):
        with pytest.raises(CannotMove, match=r"'day'.*SESSION_SERIALIZER") as error:
            session(unmovable).get("_auth_user_id")
        assert unmovable not in str(error.value)
        assert keys.hash_key(unmovable) in str(error.value)
    assert old.has(unmovable)
    assert store.storage.count() == 0
    settings.SESSION_SERIALIZER = PICKLE
    assert session(unmovable).get("day") == datetime.date(2026, 1, 2)


@only("db", "cache", "file", "signed_cookies", "other")
def test_with_the_serializer_it_had_it_comes(old, session, unmovable, settings):
    settings.SESSION_SERIALIZER = PICKLE
    assert session(unmovable).get("day") == datetime.date(2026, 1, 2)


@only("cache")
@pytest.mark.parametrize("name", ["a\0b", "\ud800", ("a", 1)], ids=["NUL", "surrogate", "tuple"])
def test_a_name_that_no_database_takes(old, session, name):
    key = keys.new_key()
    cache, cached = cached_at(key, old.store)
    cache.set(cached, {name: 1})
    with pytest.raises(CannotMove):
        session(key).get("a")
    assert old.has(key)


@only("cache")
def test_a_name_that_is_a_number_comes_as_django_would_have_it(old, session):
    key = keys.new_key()
    cache, cached = cached_at(key, old.store)
    cache.set(cached, {1: "one"})
    assert dict(session(key).items()) == {"1": "one"}


@only("db", "cache")
def test_a_reference_that_cannot_be_one(old, session, settings):
    """It is named, as where such a session is saved here, and the session stays."""
    settings.MULTISESSION_REFERENCES = {"org": "org"}
    key = old.keep(org=["7"])
    with pytest.raises(ValueError, match="'org'"):
        session(key).get("org")
    assert old.has(key)
