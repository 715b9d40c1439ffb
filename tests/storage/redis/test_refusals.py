"""Tests of servers that cannot be reached or refuse the login: the error names the setting."""

from __future__ import annotations

import traceback

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

from django_multisession.storage.redis import RedisStorage
from support.redis_servers import HOST, Node, Sentinel
from support.servers import free_port

A = "A" * 43
SECRET, WRONG = "s3cret", "wr0ng-one"
FAST = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}


@pytest.fixture(scope="module")
def servers():
    """The parts that the URLs below are formatted with."""
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


def logged_text(error):
    """Return all that a log would contain about the error, except the lines of source."""
    lines = []
    while error:
        lines += traceback.format_exception_only(error)
        error = error.__cause__ or error.__context__
    return "".join(lines)


def assert_refused(storage, dialect, setting, caplog):
    """Check the error of a single command and of a pipeline."""
    verbs = dialect(storage)
    for call in (lambda: verbs.read(A), verbs.count):
        with pytest.raises(storage.outages, match=setting) as caught:
            call()
        for text in (logged_text(caught.value), caplog.text):
            assert SECRET not in text
            assert WRONG not in text


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_an_error_of_a_url_names_its_setting_and_no_password(servers, url, dialect, caplog):
    storage = RedisStorage(url=url.format(**servers), options=FAST)
    assert_refused(storage, dialect, "MULTISESSION_REDIS_URL", caplog)


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


def cache(servers, entry):
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": entry["LOCATION"].format(**servers),
        "OPTIONS": entry.get("OPTIONS", {}),
    }


@pytest.mark.parametrize("entry", ALIASES.values(), ids=ALIASES)
def test_an_error_of_an_alias_names_its_setting_and_no_password(
    servers, entry, dialect, settings, caplog
):
    settings.CACHES = {"default": cache(servers, entry)}
    storage = RedisStorage(alias="default")
    assert_refused(storage, dialect, "MULTISESSION_REDIS_ALIAS", caplog)


@pytest.mark.parametrize(("server", "service"), [("nowhere", "missing"), ("sentinel", "nothing")])
def test_so_does_one_of_an_alias_with_sentinels(
    servers, server, service, dialect, settings, caplog
):
    host, port = servers[server].split(":")
    options = {
        "CLIENT_CLASS": "django_redis.client.SentinelClient",
        "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
        "SENTINELS": [(host, int(port))],
        "SENTINEL_KWARGS": {"retry": Retry(NoBackoff(), 0)},  # by default it tries for some seconds
        "PASSWORD": WRONG,
    }
    entry = {"LOCATION": f"redis://{service}/5", "OPTIONS": options}
    settings.CACHES = {"default": cache(servers, entry)}
    storage = RedisStorage(alias="default")
    assert_refused(storage, dialect, "MULTISESSION_REDIS_ALIAS", caplog)


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "redis.RedisCache"])
def test_an_alias_that_is_no_cache_of_django_redis(dialect, settings, backend):
    entry = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "redis://x"}
    settings.CACHES = {"default": entry}
    verbs = dialect(RedisStorage(alias="default"))
    with pytest.raises(Exception, match="MULTISESSION_REDIS_ALIAS 'default'"):
        verbs.read(A)


def test_an_alias_that_does_not_exist(dialect):
    verbs = dialect(RedisStorage(alias="no-such-alias"))
    with pytest.raises(Exception, match="MULTISESSION_REDIS_ALIAS 'no-such-alias'"):
        verbs.read(A)
