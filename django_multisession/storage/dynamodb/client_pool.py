"""The client and the threads that one process uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from threading import Lock
from typing import Any

from boto3.session import Session
from botocore.config import Config

from ... import __version__

VERBS, PARTS = 32, 16  # threads for awaited verbs, and for the parts of one verb
# By default botocore waits a minute for a dead server, builds its user agent twice for each request
# (a quarter of its time), and validates parameters that this package has already built correctly.
# Its "standard" retries handle throttling, and have a quota that limits retries in an outage.
CONFIG: Mapping[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 2,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "tcp_keepalive": True,
    # One for each thread of a pool, and as many for the threads that serve requests.
    "max_pool_connections": 2 * (VERBS + PARTS),
    "user_agent": f"django-multisession/{__version__}",
    "parameter_validation": False,
}
# No thread may create a client while the process forks: the child would inherit a locked lock.
creation_lock = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=creation_lock.acquire,
        after_in_parent=creation_lock.release,
        after_in_child=creation_lock.release,
    )


class ClientPool:
    """A client and thread pools for the process that created them, and for no child of it.

    Nothing in it may be used after a fork: of 1000 reads over an inherited connection, 550 were
    answered with another process's item (measured).
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.pid = os.getpid()
        self.options = options
        self.verbs = ThreadPoolExecutor(VERBS, "multisession-verb")
        self.parts = ThreadPoolExecutor(PARTS, "multisession-part")
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The boto3 client. It is created when it is first used."""
        if self._client is None:
            with creation_lock:
                self._client = self._client or make_client(self.options)
        return self._client


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with `CONFIG` as the default of each configuration value.

    Raises ValueError for an option that ``boto3.client`` or botocore's ``Config`` does not have.
    """
    unknown = options.keys() - signature(Session.client).parameters.keys()
    given = options.get("config") or {}
    try:
        config = Config(**CONFIG).merge(Config(**given) if isinstance(given, dict) else given)
        if unknown:
            raise TypeError(f"boto3's client has no argument {', '.join(map(repr, unknown))}.")
    except TypeError as error:
        raise ValueError(f"MULTISESSION_DYNAMODB_OPTIONS: {error}") from None
    return {**options, "config": config}


def make_client(options: Mapping[str, Any]) -> Any:
    """Create a client from a boto3 session of its own: the default session is not thread-safe."""
    return Session().client("dynamodb", **options)
