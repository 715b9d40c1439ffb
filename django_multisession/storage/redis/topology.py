"""Where the sessions are, and how to connect there."""

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

# A dead server is noticed within seconds, a restarted one not at all. RESP2, because RESP3 takes a
# quarter longer for a hash of 100 fields (measured: hiredis converts its map).
DEFAULTS: Mapping[str, Any] = {
    "protocol": 2,
    "socket_connect_timeout": 1,
    "socket_timeout": 2,
    "socket_keepalive": True,
}
_BACKOFF = FullJitterBackoff(cap=0.2, base=0.02)  # seconds
_RETRIES = 1
_CLUSTER_RETRIES = 3  # while slots move or a replica takes over
_LOST = [ConnectionError, TimeoutError]

CONNECTIONS = 1000  # at most; there are as many as threads or tasks are at work at once
ASYNC_CONNECTIONS = 100  # of an event loop to a single server, where further tasks wait for one

# What django-redis's pool and a client of ours have in common.
_COMMON = {"host", "port", "db", "username", "password", "credential_provider", "client_name"}
_COMMON |= {"socket_timeout", "socket_connect_timeout", "socket_keepalive", "protocol"}


class Topology(ABC):
    """A server or several. Connects nowhere by itself."""

    is_cluster: ClassVar[bool] = False
    shares_pool: ClassVar[bool] = False  # may its connections be kept, or do others wait for them?
    setting = "MULTISESSION_REDIS_URL"  # what to look at when it cannot be reached

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = {**DEFAULTS, **arguments, "decode_responses": False}

    @abstractmethod
    def client(self) -> Any:
        """A blocking client, for one process. Raises TypeError for arguments it does not know."""

    @abstractmethod
    def async_client(self) -> Any:
        """One for the running event loop."""

    async def close(self, client: Any) -> None:
        """Close what `async_client` made."""
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
        return redis.asyncio.Redis.from_pool(_waiting(client.connection_pool))


class Sentinels(Topology):
    """The primary of a service, wherever the sentinels say it is."""

    def __init__(
        self, sentinels: list[Address], service: str, arguments: Mapping[str, Any]
    ) -> None:
        super().__init__(arguments)
        self.sentinels, self.service = sentinels, service
        alike = {n: v for n, v in self.arguments.items() if n in DEFAULTS or n.startswith("ssl")}
        self.of_sentinels = {**alike, **self.arguments.pop("sentinel_kwargs", {})}

    def client(self) -> Any:
        return self._primary(redis.Sentinel, Retry(_BACKOFF, _RETRIES))

    def async_client(self) -> Any:
        return self._primary(redis.asyncio.Sentinel, AsyncRetry(_BACKOFF, _RETRIES))

    def _primary(self, kind: Any, retry: Any) -> Any:
        defaults = {"retry": retry, "retry_on_error": _LOST, "max_connections": CONNECTIONS}
        arguments = {**defaults, **self.arguments}
        of_sentinels = {"retry": retry, **self.of_sentinels}
        sentinel = kind(self.sentinels, sentinel_kwargs=of_sentinels, **arguments)
        return sentinel.master_for(self.service)


class Cluster(Topology):
    """A cluster. It is asked for its nodes when the first command is sent."""

    is_cluster = True

    def __init__(self, nodes: list[Address], arguments: Mapping[str, Any]) -> None:
        super().__init__(arguments)
        self.nodes = nodes

    def client(self) -> Any:
        make: Any = redis.cluster.ClusterNode
        nodes = [make(*node) for node in self.nodes]
        defaults = {"retry": Retry(_BACKOFF, _CLUSTER_RETRIES), "max_connections": CONNECTIONS}
        return redis.RedisCluster(startup_nodes=nodes, **{**defaults, **self.arguments})

    def async_client(self) -> Any:
        nodes = [redis.asyncio.cluster.ClusterNode(*node) for node in self.nodes]
        defaults = {"retry": AsyncRetry(_BACKOFF, _CLUSTER_RETRIES), "max_connections": CONNECTIONS}
        # Else every fifth slot that moved closes all connections, those in use included.
        defaults["reinitialize_steps"] = 0
        return redis.asyncio.RedisCluster(startup_nodes=nodes, **{**defaults, **self.arguments})

    async def close(self, client: Any) -> None:
        """redis-py's own closing does nothing after a failed command."""
        manager = client.nodes_manager
        known = [*client.startup_nodes, *manager.startup_nodes.values(), *client.get_nodes()]
        await client.aclose()
        for node in {id(node): node for node in known}.values():
            await node.disconnect()


class Alias(Topology):
    """What django-redis connects an alias of CACHES to: its pool, its Sentinel, its timeouts."""

    shares_pool = True
    setting = "MULTISESSION_REDIS_ALIAS"

    def __init__(self, alias: str) -> None:
        super().__init__({})
        self.alias = alias

    def client(self) -> Any:
        from django_redis import get_redis_connection  # not needed where there is a URL

        try:
            return get_redis_connection(self.alias, write=True)  # a replica is late
        except (NotImplementedError, InvalidCacheBackendError):
            text = f"{self.setting} {self.alias!r} is no cache of django-redis."
            raise ImproperlyConfigured(text) from None

    def async_client(self) -> Any:
        """django-redis has none, so ours, with the parameters of its pool."""
        return self._same().async_client()

    def _same(self) -> Topology:
        pool = self.client().connection_pool
        arguments = _of_pool(pool)
        if not isinstance(pool, SentinelConnectionPool):
            return Server(arguments)
        sentinels = [_of_pool(each.connection_pool) for each in pool.sentinel_manager.sentinels]
        nodes = [(each.pop("host"), each.pop("port")) for each in sentinels]
        return Sentinels(nodes, pool.service_name, {**arguments, "sentinel_kwargs": sentinels[0]})


def _waiting(pool: Any) -> Any:
    """The same pool, but who finds every connection in use waits for one."""
    kwargs = {**pool.connection_kwargs, "connection_class": pool.connection_class}
    kwargs |= {"max_connections": pool.max_connections, "timeout": kwargs["socket_timeout"]}
    return redis.asyncio.BlockingConnectionPool(**kwargs)


def _of_pool(pool: Any) -> dict[str, Any]:
    """The arguments of `redis.Redis` that make a client like that of the pool, in any dialect."""
    kwargs = pool.connection_kwargs
    arguments = {n: v for n, v in kwargs.items() if n in _COMMON or n.startswith("ssl_")}
    arguments["max_connections"] = pool.max_connections
    if "path" in kwargs:
        arguments["unix_socket_path"] = kwargs["path"]
    if issubclass(pool.connection_class, SSLConnection):
        arguments["ssl"] = True
    return arguments
