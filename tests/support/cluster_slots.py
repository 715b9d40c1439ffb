"""Slots of a cluster that move from node to node, as `redis-cli --cluster reshard` does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.crc import key_slot

from support.redis_servers import HOST, Cluster, Node, wait_until


class Move:
    """The slot of a key, on its way to the next node, step by step."""

    def __init__(self, cluster: Cluster, key: str) -> None:
        self.cluster, self.slot = cluster, key_slot(key.encode())
        self.ids = {node: node.client.execute_command("CLUSTER MYID") for node in cluster.nodes}
        port = self._owner(cluster.nodes[0])
        self.source = next(node for node in cluster.nodes if node.port == port)
        after = cluster.nodes.index(self.source) + 1
        self.target = cluster.nodes[after % len(cluster.nodes)]

    def begin(self) -> None:
        self._set(self.target, "IMPORTING", self.source)
        self._set(self.source, "MIGRATING", self.target)

    def carry(self, count: int = 1000) -> int:
        """At most so many keys. Gives how many."""
        client = self.source.client
        found = client.execute_command("CLUSTER GETKEYSINSLOT", self.slot, count)
        if found:
            address = (HOST, self.target.port, "", 0, 5000)
            client.execute_command("MIGRATE", *address, "KEYS", *found)
        return len(found)

    def end(self) -> None:
        for node in (self.target, self.source):
            self._set(node, "NODE", self.target)
        for node in self.cluster.nodes:
            wait_until(lambda node=node: self._knows(node), "the news")

    def _set(self, node: Node, state: str, other: Node) -> None:
        node.client.execute_command("CLUSTER SETSLOT", self.slot, state, self.ids[other])

    def _owner(self, node: Node) -> int:
        ranges = node.client.execute_command("CLUSTER SLOTS")
        return next(at[1] for first, last, at, *_ in ranges if first <= self.slot <= last)

    def _knows(self, node: Node) -> bool:
        """For good: of two that claim a slot, a node believes the one whose epoch is later."""
        epochs = [self._epoch(each) for each in (node, self.target)]
        return self._owner(node) == self.target.port and epochs[0] == epochs[1]

    def _epoch(self, node: Node) -> str:
        """Of the new owner, as this node knows it."""
        nodes = node.client.execute_command("CLUSTER NODES").values()
        return next(each["epoch"] for each in nodes if each["node_id"] == self.ids[self.target])


def move(cluster: Cluster, key: str) -> None:
    it = Move(cluster, key)
    it.begin()
    while it.carry(count=1):
        pass
    it.end()


@contextmanager
def half_moved(cluster: Cluster, key: str) -> Iterator[None]:
    """The new node has all the keys; the old one sends whoever asks there (ASK)."""
    it = Move(cluster, key)
    it.begin()
    while it.carry():
        pass
    try:
        yield
    finally:
        it.end()
