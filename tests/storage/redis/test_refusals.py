"""Servers that cannot be reached, or will not have us: the error names the setting to look at."""

from __future__ import annotations

import traceback

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

from django_multisession.storage.redis import RedisStorage
from support.redis_servers import HOST, Node, Sentinel
from support.servers import free_port

pytestmark = pytest.mark.thorough  # the server matters here, not Python or Django

A = "A" * 43
SECRET, WRONG = "s3cret", "wr0ng-one"
FAST = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}


@pytest.fixture(scope="module")
def places():
    """What the URLs below are made of."""
    plain, guarded, sentinel = Node(), Node("--requirepass", SECRET), Sentinel()
    guarded.client.connection_pool.connection_kwargs["password"] = SECRET
    for server in (plain, guarded, sentinel):
        server.start()
    yield {
        "plain": f"{HOST}:{plain.port}",
        "guarded": f"{HOST}:{guarded.port}",
        "sentinel": f"{HOST}:{sentinel.port}",
        "nowhere": f"{HOST}:{free_port()}",
        "right": f":{SECRET}@",
        "wrong": f":{WRONG}@",
    }
    for node in (plain, guarded, sentinel, sentinel.primary, sentinel.replica):
        node.remove()


URLS = {
    "a wrong password": "redis://{wrong}{guarded}",
    "a wrong password of a user": "redis://somebody{wrong}{guarded}",
    "no password": "redis://{guarded}",
    "nothing listens there": "redis://{wrong}{nowhere}",
    "no such socket": "unix://{wrong}/nowhere/redis.sock",
    "no such database": "redis://{right}{guarded}/99",
    "no such host": "redis://{wrong}no-such-host.invalid",
    "no such sentinel": "redis+sentinel://{wrong}{nowhere}/sessions",
    "no such service": "redis+sentinel://{wrong}{sentinel}/nothing",
    "no sentinel, but a server": "redis+sentinel://{plain}/sessions",
    "no cluster, but a server": "redis+cluster://{plain}",
    "no cluster, but a server with a password": "redis+cluster://{right}{guarded}",
    "a cluster's wrong password": "redis+cluster://{wrong}{guarded}",
    "no cluster": "redis+cluster://{wrong}{nowhere}",
    "no TLS": "rediss://{wrong}{plain}",
}


def told(error):
    """All that a log would say of it, but the lines of source."""
    seen = []
    while error:
        seen += traceback.format_exception_only(error)
        error = error.__cause__ or error.__context__
    return "".join(seen)


def refused(storage, dialect, setting, caplog):
    """By both ways to send something: one call, and a pipeline."""
    it = dialect(storage)
    for call in (lambda: it.read(A), it.count):
        with pytest.raises(storage.outages, match=setting) as caught:
            call()
        for text in (told(caught.value), caplog.text):
            assert SECRET not in text
            assert WRONG not in text


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_an_error_of_a_url_names_its_setting_and_no_password(places, url, dialect, caplog):
    storage = RedisStorage(url=url.format(**places), options=FAST)
    refused(storage, dialect, "MULTISESSION_REDIS_URL", caplog)


ALIASES = {
    "a wrong password": {"LOCATION": "redis://{wrong}{guarded}/1"},
    "a wrong password among the options": {
        "LOCATION": "redis://{guarded}/2",
        "OPTIONS": {"PASSWORD": WRONG},
    },
    "no password": {"LOCATION": "redis://{guarded}/3"},
    "nothing listens there": {"LOCATION": "redis://{wrong}{nowhere}/4"},
    "no such database": {"LOCATION": "redis://{right}{guarded}/98"},
}


def cache(places, entry):
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": entry["LOCATION"].format(**places),
        "OPTIONS": entry.get("OPTIONS", {}),
    }


@pytest.mark.parametrize("entry", ALIASES.values(), ids=ALIASES)
def test_an_error_of_an_alias_names_its_setting_and_no_password(
    places, entry, dialect, settings, caplog
):
    settings.CACHES = {"default": cache(places, entry)}
    storage = RedisStorage(alias="default")
    refused(storage, dialect, "MULTISESSION_REDIS_ALIAS", caplog)


@pytest.mark.parametrize(("place", "service"), [("nowhere", "missing"), ("sentinel", "nothing")])
def test_so_does_one_of_an_alias_with_sentinels(places, place, service, dialect, settings, caplog):
    host, port = places[place].split(":")
    options = {
        "CLIENT_CLASS": "django_redis.client.SentinelClient",
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        "SENTINELS": [(host, int(port))],
        "SENTINEL_KWARGS": {"retry": Retry(NoBackoff(), 0)},  # by default it tries for seconds
        "PASSWORD": WRONG,
    }
    entry = {"LOCATION": f"redis://{service}/5", "OPTIONS": options}
    settings.CACHES = {"default": cache(places, entry)}
    storage = RedisStorage(alias="default")
    refused(storage, dialect, "MULTISESSION_REDIS_ALIAS", caplog)


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "redis.RedisCache"])
def test_an_alias_that_is_no_cache_of_django_redis(dialect, settings, backend):
    entry = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "redis://x"}
    settings.CACHES = {"default": entry}
    it = dialect(RedisStorage(alias="default"))
    with pytest.raises(Exception, match="MULTISESSION_REDIS_ALIAS 'default'"):
        it.read(A)


def test_an_alias_that_does_not_exist(dialect):
    it = dialect(RedisStorage(alias="no-such-alias"))
    with pytest.raises(Exception, match="MULTISESSION_REDIS_ALIAS 'no-such-alias'"):
        it.read(A)
