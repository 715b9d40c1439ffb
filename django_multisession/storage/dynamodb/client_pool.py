"""What one process has of its own: a client, and threads."""

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

# botocore would wait a minute for a dead server, build its user agent twice a request, which is a
# quarter of its time, and check what cannot be wrong. Its standard retries know throttling, and a
# quota that keeps them from making an outage worse.
VERBS, PARTS = 32, 16  # threads for awaited verbs, and for the parts of one verb
CONFIG: Mapping[str, Any] = {
    "connect_timeout": 1,
    "read_timeout": 2,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "tcp_keepalive": True,
    "max_pool_connections": 2 * (VERBS + PARTS),  # one for each thread, those of the site included
    "user_agent": f"django-multisession/{__version__}",
    "parameter_validation": False,
}
# Nobody makes a client while the process forks: the child would find the lock taken.
making = Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=making.acquire, after_in_parent=making.release, after_in_child=making.release
    )


class ClientPool:
    """What one process has of its own. Nothing of it works after a fork: of 1000 reads over an
    inherited connection 550 were answered with another process's item (measured)."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.pid = os.getpid()
        self.options = options
        self.verbs = ThreadPoolExecutor(VERBS, "multisession-verb")
        self.parts = ThreadPoolExecutor(PARTS, "multisession-part")
        self._client: Any = None

    @property
    def client(self) -> Any:
        if self._client is None:
            with making:
                self._client = self._client or _client(self.options)
        return self._client


def complete(options: Mapping[str, Any]) -> dict[str, Any]:
    """With our configuration, where the project has no other."""
    unknown = options.keys() - signature(Session.client).parameters.keys()
    further = options.get("config") or {}
    try:
        config = Config(**CONFIG).merge(Config(**further) if isinstance(further, dict) else further)
        if unknown:
            raise TypeError(f"boto3's client has no argument {', '.join(map(repr, unknown))}.")
    except TypeError as error:
        raise ValueError(f"MULTISESSION_DYNAMODB_OPTIONS: {error}") from None
    return {**options, "config": config}


def _client(options: Mapping[str, Any]) -> Any:
    """Of a session of its own: boto3's default one must not be used by two threads at once."""
    return Session().client("dynamodb", **options)
