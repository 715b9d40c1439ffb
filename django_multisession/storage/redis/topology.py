"""The servers that keep the sessions, and the clients that connect to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import redis
import redis.asyncio
from django.core.cache import InvalidCacheBackendError
from django.core.exceptions import ImproperlyConfigured
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import FullJitterBackoff
from redis.connection import SSLConnection
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

Address = tuple[str, int]

# Short timeouts: a dead server is noticed within seconds, and a restart is not noticed at all.
# RESP2, because RESP3 takes a quarter longer for a hash of 100 fields (measured: hiredis converts
# its map).
DEFAULTS: Mapping[str, Any] = {
    "protocol": 2,
    "socket_connect_timeout": 1,
    "socket_timeout": 2,
    "socket_keepalive": True,
}
_BACKOFF = FullJitterBackoff(cap=0.2, base=0.02)  # seconds
_RETRIES = 1
_CLUSTER_RETRIES = 3  # more, because slots may move or a replica take over
_LOST = [ConnectionError, TimeoutError]

CONNECTIONS = 1000  # at most; there are as many as threads or tasks send commands at once
ASYNC_CONNECTIONS = 100  # of an event loop to a single server; further tasks wait for one

# Arguments that the pool of django-redis and our own clients have in common.
_COMMON = {"host", "port", "db", "username", "password", "credential_provider", "client_name"}
_COMMON |= {"socket_timeout", "socket_connect_timeout", "socket_keepalive", "protocol"}


class Topology(ABC):
    """One server or several. It makes clients, but connects to nothing itself."""

    is_cluster: ClassVar[bool] = False
    shares_pool: ClassVar[bool] = False  # do others use its connections too, so that none is kept?
    setting = "MULTISESSION_REDIS_URL"  # the setting to check if the servers cannot be reached

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = {**DEFAULTS, **arguments, "decode_responses": False}

    @abstractmethod
    def client(self) -> Any:
        """Return a blocking client, for one process.

        Raises TypeError for arguments that redis-py does not know.
        """

    @abstractmethod
    def async_client(self) -> Any:
        """Return a client for the running event loop."""

    async def close(self, client: Any) -> None:
        """Close a client that `async_client` made."""
        manager = getattr(getattr(client, "connection_pool", None), "sentinel_manager", None)
        for sentinel in manager.sentinels if manager else ():
            await sentinel.aclose()
        await client.aclose()


class Server(Topology):
    """One server."""

    def client(self) -> Any:
        defaults = {"retry": Retry(_BACKOFF, _RETRIES), "max_connections": CONNECTIONS}
        return redis.Redis(**{"retry_on_error": _LOST, **defaults, **self.arguments})

    def async_client(self) -> Any:
        defaults = {"retry": AsyncRetry(_BACKOFF, _RETRIES), "max_connections": ASYNC_CONNECTIONS}
        client = redis.asyncio.Redis(**{"retry_on_error": _LOST, **defaults, **self.arguments})
        return redis.asyncio.Redis.from_pool(_blocking_pool(client.connection_pool))


class Sentinels(Topology):
    """The primary of a service, at the address that the sentinels give."""

    def __init__(
        self, sentinels: list[Address], service: str, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__(arguments)
        self.sentinels, self.service = sentinels, service
        shared = {n: v for n, v in self.arguments.items() if n in DEFAULTS or n.startswith("ssl")}
        self.sentinel_arguments = {**shared, **self.arguments.pop("sentinel_kwargs", {})}

    def client(self) -> Any:
        return self._primary(redis.Sentinel, Retry(_BACKOFF, _RETRIES))

    def async_client(self) -> Any:
        return self._primary(redis.asyncio.Sentinel, AsyncRetry(_BACKOFF, _RETRIES))

    def _primary(self, kind: Any, retry: Any) -> Any:
        defaults = {"retry": retry, "retry_on_error": _LOST, "max_connections": CONNECTIONS}
        arguments = {**defaults, **self.arguments}
        sentinel_arguments = {"retry": retry, **self.sentinel_arguments}
        sentinel = kind(self.sentinels, sentinel_kwargs=sentinel_arguments, **arguments)
        return sentinel.master_for(self.service)


class Cluster(Topology):
    """A cluster.

    The blocking client asks for the nodes when it is made, the async one with its first command.
    """

    is_cluster = True

    def __init__(self, nodes: list[Address], arguments: Mapping[str, Any]) -> None:
        super().__init__(arguments)
        self.nodes = nodes

    def client(self) -> Any:
        node_class: Any = redis.cluster.ClusterNode
        nodes = [node_class(*node) for node in self.nodes]
        defaults = {"retry": Retry(_BACKOFF, _CLUSTER_RETRIES), "max_connections": CONNECTIONS}
        return redis.RedisCluster(startup_nodes=nodes, **{**defaults, **self.arguments})

    def async_client(self) -> Any:
        nodes = [redis.asyncio.cluster.ClusterNode(*node) for node in self.nodes]
        defaults = {"retry": AsyncRetry(_BACKOFF, _CLUSTER_RETRIES), "max_connections": CONNECTIONS}
        # By default every fifth slot that moved closes all connections, even those in use.
        defaults["reinitialize_steps"] = 0
        return redis.asyncio.RedisCluster(startup_nodes=nodes, **{**defaults, **self.arguments})

    async def close(self, client: Any) -> None:
        """Close the client and every node.

        The aclose() of redis-py does nothing after a failed command.
        """
        manager = client.nodes_manager
        known = [*client.startup_nodes, *manager.startup_nodes.values(), *client.get_nodes()]
        await client.aclose()
        for node in {id(node): node for node in known}.values():
            await node.disconnect()


class Alias(Topology):
    """The server of an alias of CACHES, with django-redis's own pool, Sentinel and timeouts."""

    shares_pool = True
    setting = "MULTISESSION_REDIS_ALIAS"

    def __init__(self, alias: str) -> None:
        super().__init__({})
        self.alias = alias

    def client(self) -> Any:
        from django_redis import get_redis_connection  # not needed if a URL is set

        try:
            return get_redis_connection(self.alias, write=True)  # replicas lag behind
        except (NotImplementedError, InvalidCacheBackendError):
            text = f"{self.setting} {self.alias!r} is not a cache of django-redis."
            raise ImproperlyConfigured(text) from None

    def async_client(self) -> Any:
        """Return our own client with the parameters of the pool: django-redis has none."""
        return self._without_alias().async_client()

    def _without_alias(self) -> Topology:
        """Return the server or the sentinels that the alias is connected to."""
        pool = self.client().connection_pool
        arguments = _pool_arguments(pool)
        if not isinstance(pool, SentinelConnectionPool):
            return Server(arguments)
        sentinels = pool.sentinel_manager.sentinels
        kwargs = [_pool_arguments(sentinel.connection_pool) for sentinel in sentinels]
        nodes = [(sentinel.pop("host"), sentinel.pop("port")) for sentinel in kwargs]
        return Sentinels(nodes, pool.service_name, {**arguments, "sentinel_kwargs": kwargs[0]})


def _blocking_pool(pool: Any) -> Any:
    """Return an equal pool in which tasks wait for a connection while all are in use."""
    kwargs = {**pool.connection_kwargs, "connection_class": pool.connection_class}
    kwargs |= {"max_connections": pool.max_connections, "timeout": kwargs["socket_timeout"]}
    return redis.asyncio.BlockingConnectionPool(**kwargs)


def _pool_arguments(pool: Any) -> dict[str, Any]:
    """Return the arguments of `redis.Redis` that make an equal client, blocking or async."""
    kwargs = pool.connection_kwargs
    arguments = {n: v for n, v in kwargs.items() if n in _COMMON or n.startswith("ssl_")}
    arguments["max_connections"] = pool.max_connections
    if "path" in kwargs:
        arguments["unix_socket_path"] = kwargs["path"]
    if issubclass(pool.connection_class, SSLConnection):
        arguments["ssl"] = True
    return arguments
