"""Redis servers that the tests start: a single one, one with a sentinel, and a cluster.

Each is started from the PATH when a test first needs it, on free ports, in temporary folders, and
ended with the test run. MULTISESSION_REDIS_SERVER names another program, such as valkey-server.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Any

import redis

from support.servers import HOST, Lazily, Process, free_port, missing, wait_until

# A configuration that keeps sessions safe and small, so that our diagnostics find nothing.
FINE = {
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "save": "",
    "appendonly": "yes",
    "hash-max-listpack-value": "256",
}
BINARY = os.environ.get("MULTISESSION_REDIS_SERVER", "redis-server")


class Node(Process):
    """A Redis process. It can be killed, and started again with its data."""

    def __init__(self, *options: object) -> None:
        super().__init__("redis")
        self.options = list(map(str, options))
        atexit.register(self.remove)

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    @cached_property
    def client(self) -> redis.Redis:
        return redis.Redis(HOST, self.port, decode_responses=True)

    def start(self) -> None:
        """Start the process. If Redis is not installed, skip the test: see missing()."""
        binary = shutil.which(BINARY) or missing(BINARY)
        options = ["--port", self.port, "--bind", HOST, "--dir", self.folder, "--save", ""]
        command = [str(word) for word in (binary, *self._file(), *options, *self.options)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, f"{BINARY} on port {self.port}")

    def calls(self, operation: Callable[[], object]) -> Counter[str]:
        """Return the number of each command that clients, not scripts, send in the operation."""
        return _calls([self], operation)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            assert self.process
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()) from None
            return False

    def _file(self) -> list[object]:
        return []


def _calls(nodes: list[Node], operation: Callable[[], object]) -> Counter[str]:
    with ExitStack() as stack:
        monitors = [stack.enter_context(node.client.monitor()) for node in nodes]
        operation()
        for node in nodes:
            node.client.echo("END")
        return sum((_until_end(monitor) for monitor in monitors), Counter())


def _until_end(monitor: Any) -> Counter[str]:
    calls: Counter[str] = Counter()
    while (each := monitor.next_command())["command"] != "ECHO END":
        name = each["command"].split()[0]
        calls[name] += each["client_type"] != "lua" and name not in CONNECTING
    return +calls


# Commands that client libraries and sentinels send for themselves.
CONNECTING = {"HELLO", "CLIENT", "CLUSTER", "PING", "INFO", "PUBLISH", "REPLCONF", "AUTH", "SELECT"}


class Sentinel(Node):
    """A sentinel that watches a primary and its replica. A failover takes about a second."""

    def __init__(self) -> None:
        super().__init__()
        at_once = ("--repl-diskless-sync-delay", 0)
        self.primary, self.replica = Node(*at_once), Node(*at_once)
        self.nodes += [self.primary, self.replica]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{HOST}:{self.port}/sessions"

    def start(self) -> None:
        self.primary.start()
        self.replica.start()
        self.replica.client.replicaof(HOST, self.primary.port)
        linked = "master_link_status"
        wait_until(lambda: self.replica.client.info()[linked] == "up", "replication")
        super().start()
        wait_until(lambda: self.client.sentinel_slaves("sessions"), "sentinel")

    def _file(self) -> list[object]:
        file = self.folder / "sentinel.conf"
        file.write_text(
            f"sentinel monitor sessions {HOST} {self.primary.port} 1\n"
            "sentinel down-after-milliseconds sessions 500\n"
            "sentinel failover-timeout sessions 2000\n"
        )
        return [file, "--sentinel"]


class Cluster:
    """A cluster of three nodes, each with a third of the slots."""

    SLOTS = 16384

    def __init__(self) -> None:
        enabled = ("--cluster-enabled", "yes", "--cluster-port")
        self.nodes = [Node(*enabled, free_port()) for _ in "abc"]

    @property
    def url(self) -> str:
        return f"redis+cluster://{HOST}:{self.nodes[0].port},{HOST}:{self.nodes[1].port}"

    def start(self) -> None:
        bounds = [self.SLOTS * part // len(self.nodes) for part in range(len(self.nodes) + 1)]
        for node, first, end in zip(self.nodes, bounds, bounds[1:], strict=False):
            node.start()
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", first, end - 1)
        for number, node in enumerate(self.nodes):  # each meets each: gossip takes seconds
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
            for other in self.nodes[:number]:
                bus = int(other.options[-1])
                node.client.execute_command("CLUSTER MEET", HOST, other.port, bus)
        for node in self.nodes:
            wait_until(lambda node=node: self._is_whole(node), "cluster")

    def _is_whole(self, node: Node) -> bool:
        info = node.client.execute_command("CLUSTER INFO")
        return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(len(self.nodes))

    def calls(self, operation: Callable[[], object]) -> Counter[str]:
        """See Node.calls()."""
        return _calls(self.nodes, operation)


ALONE, SENTINEL, CLUSTER = Lazily(Node()), Lazily(Sentinel()), Lazily(Cluster())
