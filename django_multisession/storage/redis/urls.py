"""Parsing of MULTISESSION_REDIS_URL.

==========================================================  ========================================
``redis://[user:password@]host[:port][/db]``                a server; ``rediss://`` speaks TLS
``unix://[user:password@]/path/to/socket[?db=0]``           a server on this machine
``redis+sentinel://host[:port][,...]/service[/db]``         the primary that these sentinels give
``redis+cluster://host[:port][,...]``                       a cluster that these nodes belong to
==========================================================  ========================================

``rediss+sentinel`` and ``rediss+cluster`` speak TLS; user and password stand as in the first line,
and are those of the servers. The query sets arguments of the client (``?socket_timeout=1``).
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

_SEVERAL_NODES = re.compile(
    r"(?P<scheme>rediss?)\+(?P<kind>sentinel|cluster)://(?P<user>[^@/]*@)?(?P<hosts>[^/?@]+)"
    r"(?:/(?P<service>[^/?]*))?(?:/(?P<db>\d+))?/?(?P<query>\?.*)?"
)
_KNOWN_ARGUMENTS = {*signature(redis.asyncio.Redis).parameters, "sentinel_kwargs"}
_KNOWN_ARGUMENTS |= {*signature(redis.asyncio.RedisCluster).parameters}


def parse_url(url: str, options: Mapping[str, Any]) -> Topology:
    """Return the servers that a URL names. Options override the arguments in the URL.

    Raises ValueError with a message that names the setting and never the password.
    """
    match = _SEVERAL_NODES.fullmatch(url)
    if match:
        topology = _parse_several_nodes(match.groupdict(default=""), options)
    else:
        topology = _parse_server(url, options)
    if unknown := topology.arguments.keys() - _KNOWN_ARGUMENTS:
        names = ", ".join(map(repr, sorted(unknown)))
        raise ValueError(f"{SETTING}, MULTISESSION_REDIS_OPTIONS: redis.Redis takes no {names}.")
    return topology


def _parse_server(url: str, options: Mapping[str, Any]) -> Topology:
    arguments = _parse_arguments(url)
    if not arguments.keys() & {"host", "unix_socket_path"}:
        raise ValueError(f"{SETTING} must name a host, or for unix:// a path.")
    return Server({**arguments, **options})


def _parse_several_nodes(part: Mapping[str, str], options: Mapping[str, Any]) -> Topology:
    hosts = part["hosts"].split(",")
    first = f"{part['scheme']}://{part['user']}{hosts[0]}/{part['db']}{part['query']}"
    arguments = {n: v for n, v in _parse_arguments(first).items() if n not in ("host", "port")}
    arguments |= options
    if part["kind"] == "sentinel":
        if not part["service"]:
            raise ValueError(f"{SETTING} must name a service: redis+sentinel://host/service.")
        return Sentinels(
            [_parse_address(host, 26379) for host in hosts], part["service"], arguments
        )
    if part["service"] or arguments.get("db"):
        raise ValueError(
            f"{SETTING}: a cluster has only one database, so nothing may follow the hosts."
        )
    return Cluster([_parse_address(host, 6379) for host in hosts], arguments)


def _parse_arguments(url: str) -> dict[str, Any]:
    """Return the arguments of `redis.Redis` that the URL of a server sets."""
    try:
        arguments: dict[str, Any] = parse_server_url(url)  # type: ignore[no-untyped-call]
        path = urlsplit(url).path
    except ValueError:
        schemes = "redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster"
        raise ValueError(
            f"{SETTING} cannot be read. It must begin with one of {schemes} or rediss+cluster; "
            "special characters of a password must be percent-encoded."
        ) from None
    if arguments.pop("connection_class", None) is SSLConnection:
        arguments["ssl"] = True
    if "path" in arguments:
        arguments["unix_socket_path"] = arguments.pop("path")
    elif not re.fullmatch(r"/?|/\d+", path):  # redis-py would ignore such a path
        raise ValueError(f"{SETTING}: the database at its end must be a number.")
    return arguments


def _parse_address(host: str, default: int) -> Address:
    try:
        parts = urlsplit(f"//{host}")
        if parts.hostname:
            return parts.hostname, parts.port or default
    except ValueError:
        pass  # the port is not a number
    raise ValueError(f"{SETTING}: each host must be written as host or host:port.")
