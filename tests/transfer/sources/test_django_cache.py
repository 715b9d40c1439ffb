"""`sources.django_cache`: sessions in a cache, which is read directly."""

from __future__ import annotations

import pytest
from django.core.cache import InvalidCacheBackendError, caches
from redis.exceptions import ConnectionError

from django_multisession.core import keys
from django_multisession.transfer.base import CannotMove, NotListable
from support import old_engines
from support.old_engines import cached_at, use_cache
from support.redis_servers import Node
from support.servers import HOST, free_port, running
from support.source_cases import assert_every_method_raises

ADA = {"_auth_user_id": "7", "cart": [1]}


@pytest.fixture
def previous(relations, request):
    yield from old_engines.opened("cache", request)


def cache_data(previous, data):
    """Store this in the cache as the session of a new key, and return the key."""
    key = keys.new_key()
    cache, name = cached_at(key, previous.store)
    cache.set(name, data)
    return key


def test_a_session_is_found_and_removed_once(previous):
    key = previous.keep(**ADA)
    assert previous.source.find(key).fields["cart"] == b"[1]"
    assert [previous.source.remove(key), previous.source.remove(key)] == [True, False]
    assert previous.source.find(key) is None


def test_a_cache_cannot_list_its_sessions(previous):
    for verb in (previous.source.iterate, previous.source.count):
        with pytest.raises(NotListable, match=rf"A cache cannot .* \({previous.engine}\)"):
            verb()


def test_check_raises_if_the_alias_is_missing(previous, settings):
    previous.source.check()
    settings.SESSION_CACHE_ALIAS = "missing"
    with pytest.raises(InvalidCacheBackendError, match="missing"):
        previous.source.check()


@pytest.mark.parametrize("data", ["text", [1], 7], ids=type)
def test_what_is_not_a_dict_reads_as_absent_and_is_logged(previous, caplog, data):
    key = cache_data(previous, data)
    assert previous.source.find(key) is None
    assert f"The record of session {keys.hash_key(key)} is corrupt" in caplog.text
    assert key not in caplog.text


@pytest.mark.thorough  # hardly depends on versions
class TestNames:
    """A cache keeps any field name, other engines do not."""

    @pytest.mark.parametrize(
        "name", ["a\0b", "\ud800", ("a", 1)], ids=["NUL", "surrogate", "tuple"]
    )
    def test_a_name_that_cannot_be_stored(self, previous, session, name):
        key = cache_data(previous, {name: 1})
        with pytest.raises(CannotMove):
            session(key).get("a")
        assert previous.has(key)

    def test_a_number_becomes_the_text_that_json_makes_of_it(self, previous, session):
        key = cache_data(previous, {1: "one"})
        assert dict(session(key).items()) == {"1": "one"}


@pytest.mark.thorough  # hardly depends on versions
class TestOutage:
    def test_a_cache_that_cannot_be_reached(self, previous, session, store, settings):
        key, prefix = previous.keep(**ADA), caches["before"].key_prefix
        use_cache(settings, LOCATION=f"redis://{HOST}:{free_port()}", KEY_PREFIX=prefix)
        assert_every_method_raises(session, store.storage, key, ConnectionError)

    def test_a_server_that_goes_down_and_comes_back(self, previous, session, store, settings):
        with running(Node("--appendonly", "yes")) as server:
            use_cache(settings, LOCATION=server.url)
            key = previous.keep(**ADA)
            server.kill()
            assert_every_method_raises(session, store.storage, key, ConnectionError)
            server.start()
            assert session(key).get("cart") == [1]
