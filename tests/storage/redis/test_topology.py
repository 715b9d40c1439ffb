"""Tests of the clients that are made for URLs and aliases."""

import asyncio
import socket

import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from django_redis import get_redis_connection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.connection import SSLConnection
from redis.exceptions import RedisClusterException

from django_multisession.storage.redis.topology import Alias
from django_multisession.storage.redis.urls import parse_url

pytestmark = pytest.mark.quick

HOST = "127.0.0.1"
URLS = [f"redis://{HOST}", f"redis+sentinel://{HOST}/s", f"redis+cluster://{HOST}"]
TLS = (SSLConnection, AsyncSSLConnection)
CACHE = "django_redis.cache.RedisCache"
WATCHED = {
    "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
    "SENTINELS": [("127.0.0.2", 2), ("127.0.0.3", 3)],
    "SENTINEL_KWARGS": {"password": "q"},
    "PASSWORD": "p",
}


@pytest.fixture(autouse=True)
def connects(monkeypatch):
    """Refuse every connection. A test that connects must clear this list of attempts."""
    attempts = []

    def refuse(self, address):
        attempts.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield attempts
    assert attempts == []


@pytest.fixture(params=["blocking", "async"])
def use(request, monkeypatch):
    """A function that makes the blocking or async client and passes it to a function."""

    async def awaited(topology, function):
        client = topology.async_client()
        try:
            result = function(client)
            return await result if asyncio.iscoroutine(result) else result
        finally:
            await topology.close(client)

    if request.param == "async":
        return lambda topology, function: asyncio.run(awaited(topology, function))
    # The blocking client of a cluster asks at once for the nodes; these tests prevent that.
    monkeypatch.setattr("redis.cluster.NodesManager.initialize", lambda *args, **kwargs: None)
    monkeypatch.setattr("redis.cluster.CommandsParser", lambda *args: None)
    return lambda topology, function: function(topology.client())


def arguments(client):
    """Return the arguments of the client's connections, and as "tls" whether they use TLS."""
    pools = client, *(getattr(client, name, None) for name in ("connection_pool", "nodes_manager"))
    pool = next(pool for pool in pools if hasattr(pool, "connection_kwargs"))
    kwargs = pool.connection_kwargs
    kind = getattr(pool, "connection_class", kwargs.get("connection_class"))
    return {**kwargs, "tls": issubclass(kind, TLS) if kind else kwargs.get("ssl", False)}


def sentinel_arguments(client):
    """Return the arguments of the connections to each sentinel."""
    return [arguments(sentinel) for sentinel in client.connection_pool.sentinel_manager.sentinels]


def nodes(client):
    if manager := getattr(client, "nodes_manager", None):
        return {(node.host, node.port) for node in manager.startup_nodes.values()}
    return {(kwargs["host"], kwargs["port"]) for kwargs in sentinel_arguments(client)}


def assert_has(actual, expected):
    assert {name: actual.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h", {"host": "h", "port": 6379, "db": 0, "username": None, "password": None}),
        ("redis://u%40x@h:7/3?socket_timeout=1.5", {"username": "u@x", "port": 7, "db": 3}),
        ("redis://u:p%40%2F%3A%25@h", {"host": "h", "username": "u", "password": "p@/:%"}),
        ("redis://:p@h", {"username": None, "password": "p"}),
        ("rediss://:p@[::1]:7/1", {"host": "::1", "port": 7, "db": 1, "tls": True}),
        ("rediss://h?ssl_ca_certs=/ca", {"ssl_ca_certs": "/ca", "ssl_cert_reqs": "required"}),
        ("unix:///tmp/a%20b?db=2", {"path": "/tmp/a b", "db": 2, "tls": False}),
        ("unix://u:p@/tmp/s", {"path": "/tmp/s", "username": "u", "password": "p", "db": 0}),
        ("redis+sentinel://u:p%40@h/s/2", {"username": "u", "password": "p@", "db": 2}),
        ("rediss+sentinel://h/s?socket_timeout=1", {"socket_timeout": 1, "tls": True}),
        ("redis+cluster://u:p%2F@h", {"username": "u", "password": "p/", "tls": False}),
        ("rediss+cluster://h?socket_timeout=1", {"socket_timeout": 1, "tls": True}),
    ],
)
def test_a_url_says_how_to_connect(use, url, expected):
    assert_has(use(parse_url(url, {}), arguments), expected)


def test_sentinels_are_spoken_to_with_the_tls_of_the_servers(use):
    topology = parse_url("rediss+sentinel://h/s?ssl_ca_certs=/ca", {})
    assert_has(use(topology, arguments), {"tls": True, "ssl_ca_certs": "/ca"})
    assert_has(use(topology, sentinel_arguments)[0], {"tls": True, "ssl_ca_certs": "/ca"})


@pytest.mark.parametrize("options", [{}, {"sentinel_kwargs": {"password": "q", "username": "v"}}])
def test_sentinels_are_told_their_own_password_and_not_that_of_the_servers(use, options):
    topology = parse_url("redis+sentinel://u:p@h/s/2", options)
    own = {"username": None, "password": None, **options.get("sentinel_kwargs", {})}
    assert_has(
        use(topology, sentinel_arguments)[0], {"db": 0, "socket_timeout": 2, "tls": False, **own}
    )
    assert_has(use(topology, arguments), {"db": 2, "username": "u", "password": "p"})


@pytest.mark.parametrize("url", ["redis+sentinel://{}/s", "redis+cluster://{}"])
def test_all_nodes_are_known(use, url):
    topology = parse_url(url.format("a:1,b:2,[::1]:3"), {})
    assert use(topology, nodes) == {("a", 1), ("b", 2), ("::1", 3)}


@pytest.mark.parametrize("url", URLS)
def test_what_nobody_asked_for(use, url):
    timeouts = {"socket_connect_timeout": 1, "socket_timeout": 2}
    assert_has(use(parse_url(url, {}), arguments), {**timeouts, "protocol": 2})


@pytest.mark.parametrize("url", URLS)
def test_options_override_the_url_but_answers_are_bytes(use, url):
    options = {"socket_timeout": 5, "protocol": 3, "password": "new", "decode_responses": True}
    topology = parse_url(url.replace(HOST, f":old@{HOST}") + "?socket_timeout=1", options)
    assert_has(use(topology, arguments), {**options, "decode_responses": False})


def test_a_url_says_how_many_connections_there_may_be(use):
    url = "redis://h?max_connections=7"
    assert use(parse_url(url, {}), lambda client: client.connection_pool.max_connections) == 7


@pytest.mark.parametrize("url", URLS[:2])
def test_a_dead_server_is_tried_again_but_not_for_ever(use, connects, url):
    with pytest.raises(redis.ConnectionError):
        use(parse_url(url, {}), lambda client: client.execute_command("GET", "key"))
    tried = [connects.pop()[0] for _ in connects.copy()]
    assert set(tried) == {HOST}
    assert 2 <= len(tried) <= 8


def test_only_the_blocking_client_of_a_cluster_connects_at_once(connects):
    with pytest.raises(RedisClusterException):
        parse_url(URLS[2], {}).client()
    assert 1 <= len([connects.pop() for _ in connects.copy()]) <= 8


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        ({"LOCATION": "redis://u:p%40@h:7/3"}, {"host": "h", "port": 7, "db": 3, "password": "p@"}),
        ({"LOCATION": "rediss://u@h/4"}, {"host": "h", "username": "u", "tls": True}),
        ({"LOCATION": "unix:///tmp/s?db=5"}, {"path": "/tmp/s", "db": 5}),
        ({"LOCATION": ["redis://h/6", "redis://replica/6"]}, {"host": "h", "db": 6}),
        ({"LOCATION": "redis://h/7", "OPTIONS": {"PASSWORD": "p"}}, {"host": "h", "password": "p"}),
        ({"LOCATION": "redis://h/8", "OPTIONS": {"SOCKET_TIMEOUT": 9}}, {"socket_timeout": 9}),
        ({"LOCATION": "redis://service/9", "OPTIONS": WATCHED}, {"db": 9, "password": "p"}),
    ],
)
def test_an_alias_is_connected_like_its_cache(settings, use, cache, expected):
    settings.CACHES = {"sessions": {"BACKEND": CACHE, **cache}}
    assert_has(use(Alias("sessions"), arguments), expected)


def test_an_alias_shares_the_pool_of_its_cache(settings):
    settings.CACHES = {"sessions": {"BACKEND": CACHE, "LOCATION": "redis://h/10"}}
    client = Alias("sessions").client()
    assert client.connection_pool is get_redis_connection("sessions").connection_pool


def test_an_alias_asks_the_sentinels_of_its_cache(settings, use):
    cache = {"LOCATION": "redis://service/11", "OPTIONS": WATCHED}
    settings.CACHES = {"sessions": {"BACKEND": CACHE, **cache}}
    assert use(Alias("sessions"), lambda client: client.connection_pool.service_name) == "service"
    assert use(Alias("sessions"), nodes) == set(WATCHED["SENTINELS"])
    assert {kwargs["password"] for kwargs in use(Alias("sessions"), sentinel_arguments)} == {"q"}


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache", "redis.RedisCache"])
def test_an_alias_of_another_cache_is_refused(settings, use, backend):
    settings.CACHES = {"sessions": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    with pytest.raises(ImproperlyConfigured, match="MULTISESSION_REDIS_ALIAS 'sessions'"):
        use(Alias("sessions"), arguments)


def test_an_alias_of_no_cache_is_refused(settings):
    settings.CACHES = {}
    with pytest.raises(ImproperlyConfigured, match="MULTISESSION_REDIS_ALIAS 'absent'"):
        Alias("absent").client()
