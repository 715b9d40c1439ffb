"""`sources.redis_sessions`: the strings of django-redis-sessions, which are read directly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from redis.exceptions import ConnectionError

from django_multisession.transfer.base import NotListable
from django_multisession.transfer.sources.redis_sessions import RedisSessionsSource
from support import old_engines
from support.old_engines import use_redis
from support.servers import HOST, free_port
from support.source_cases import assert_every_method_raises

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def previous(relations, request):
    yield from old_engines.opened("redis_sessions", request)


def string_of(previous, key):
    """Return the client, and the name of the string that holds the session."""
    store = previous.store(key)
    return store.server, store.get_real_stored_key(key)


def test_a_session_is_found_and_removed_once(previous):
    key = previous.keep(**ADA)
    assert previous.source.find(key).fields["cart"] == b"[1]"
    assert [previous.source.remove(key), previous.source.remove(key)] == [True, False]
    assert previous.source.find(key) is None


def test_only_keys_are_listed(previous):
    key = previous.keep(**ADA)
    server, name = string_of(previous, key)
    server.set(f"{name.removesuffix(key)}not-a-key", "text")
    ((listed, read),) = previous.source.iterate()
    assert listed == key
    assert read().fields["cart"] == b"[1]"
    assert previous.source.count() == 1


def test_sessions_on_several_servers_cannot_be_listed(previous, monkeypatch):
    monkeypatch.setattr("redis_sessions.settings.SESSION_REDIS_POOL", [{"host": HOST}])
    with pytest.raises(NotListable, match="on several servers"):
        previous.source.count()


def test_bytes_that_are_not_text_read_as_absent(previous, session):
    key = previous.keep(**ADA)
    server, name = string_of(previous, key)
    server.set(name, b"\xff\xfe\x00garbage")
    assert dict(session(key).items()) == {}


def test_a_string_without_an_expiry_gets_one(previous, session):
    key = previous.keep(**ADA)
    server, name = string_of(previous, key)
    server.persist(name)
    left = session(key).expires_at() - datetime.now(timezone.utc)
    assert timedelta(days=13) < left <= timedelta(days=14)


def test_without_its_settings_the_defaults_of_its_package_count(previous, settings):
    previous.keep(**ADA)
    del settings.SESSION_REDIS
    assert isinstance(previous.source, RedisSessionsSource)
    assert previous.source.count() == 1


@pytest.mark.thorough  # hardly depends on versions
def test_a_server_that_cannot_be_reached(previous, session, store, settings, monkeypatch):
    key = previous.keep(**ADA)
    use_redis(f"redis://{HOST}:{free_port()}", settings, monkeypatch)
    assert_every_method_raises(session, store.storage, key, ConnectionError)
