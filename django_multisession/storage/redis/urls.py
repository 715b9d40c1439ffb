"""From a URL to a place.

==========================================================  ========================================
``redis://[user:password@]host[:port][/db]``                a server; ``rediss://`` speaks TLS
``unix://[user:password@]/path/to/socket[?db=0]``           a server on this machine
``redis+sentinel://host[:port][,...]/service[/db]``         the primary that these sentinels name
``redis+cluster://host[:port][,...]``                       a cluster that these nodes belong to
==========================================================  ========================================

``rediss+sentinel`` and ``rediss+cluster`` speak TLS; user and password stand as in the first line,
and are those of the servers. A query sets arguments of the client (``?socket_timeout=1``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import signature
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio
from redis.connection import SSLConnection
from redis.connection import parse_url as parse_server_url

from .topology import Address, Cluster, Sentinels, Server, Topology

SETTING = "MULTISESSION_REDIS_URL"

_MANY = re.compile(
    r"(?P<scheme>rediss?)\+(?P<kind>sentinel|cluster)://(?P<user>[^@/]*@)?(?P<hosts>[^/?@]+)"
    r"(?:/(?P<service>[^/?]*))?(?:/(?P<db>\d+))?/?(?P<query>\?.*)?"
)
_KNOWN = {*signature(redis.asyncio.Redis).parameters, "sentinel_kwargs"}
_KNOWN |= {*signature(redis.asyncio.RedisCluster).parameters}


def parse_url(url: str, options: Mapping[str, Any]) -> Topology:
    """The place of a URL; options override what it says. Raises ValueError, which names the
    setting and never the password."""
    match = _MANY.fullmatch(url)
    place = _of_many(match.groupdict(default=""), options) if match else _of_one(url, options)
    if unknown := place.arguments.keys() - _KNOWN:
        names = ", ".join(map(repr, sorted(unknown)))
        raise ValueError(f"{SETTING}, MULTISESSION_REDIS_OPTIONS: redis.Redis takes no {names}.")
    return place


def _of_one(url: str, options: Mapping[str, Any]) -> Topology:
    arguments = _arguments(url)
    if not arguments.keys() & {"host", "unix_socket_path"}:
        raise ValueError(f"{SETTING} names no host, or for unix:// no path.")
    return Server({**arguments, **options})


def _of_many(part: Mapping[str, str], options: Mapping[str, Any]) -> Topology:
    hosts = part["hosts"].split(",")
    first = f"{part['scheme']}://{part['user']}{hosts[0]}/{part['db']}{part['query']}"
    arguments = {n: v for n, v in _arguments(first).items() if n not in ("host", "port")}
    arguments |= options
    if part["kind"] == "sentinel":
        if not part["service"]:
            raise ValueError(f"{SETTING} names no service: redis+sentinel://host/service.")
        return Sentinels([_address(host, 26379) for host in hosts], part["service"], arguments)
    if part["service"] or arguments.get("db"):
        raise ValueError(f"{SETTING}: a cluster has one database, so nothing follows the hosts.")
    return Cluster([_address(host, 6379) for host in hosts], arguments)


def _arguments(url: str) -> dict[str, Any]:
    """Arguments of `redis.Redis`."""
    try:
        arguments: dict[str, Any] = parse_server_url(url)  # type: ignore[no-untyped-call]
        path = urlsplit(url).path
    except ValueError:
        schemes = "redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster"
        raise ValueError(
            f"{SETTING} cannot be read. It begins with one of {schemes} or rediss+cluster; special "
            "characters of a password are percent-encoded."
        ) from None
    if arguments.pop("connection_class", None) is SSLConnection:
        arguments["ssl"] = True
    if "path" in arguments:
        arguments["unix_socket_path"] = arguments.pop("path")
    elif not re.fullmatch(r"/?|/\d+", path):  # which redis-py would overlook
        raise ValueError(f"{SETTING}: the database at its end is no number.")
    return arguments


def _address(host: str, default: int) -> Address:
    try:
        parts = urlsplit(f"//{host}")
        if parts.hostname:
            return parts.hostname, parts.port or default
    except ValueError:
        pass  # a port that is no number
    raise ValueError(f"{SETTING}: one of its hosts is no host[:port].")
