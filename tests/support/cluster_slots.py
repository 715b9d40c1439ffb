"""Move slots of a cluster from node to node, as `redis-cli --cluster reshard` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.crc import key_slot

from support.redis_servers import HOST, Cluster, Node, wait_until


class Move:
    """A move of a key's slot to the next node, step by step."""

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
        """Move at most ``count`` keys. Return how many were moved."""
        client = self.source.client
        keys = client.execute_command("CLUSTER GETKEYSINSLOT", self.slot, count)
        if keys:
            address = (HOST, self.target.port, "", 0, 5000)
            client.execute_command("MIGRATE", *address, "KEYS", *keys)
        return len(keys)

    def end(self) -> None:
        for node in (self.target, self.source):
            self._set(node, "NODE", self.target)
        for node in self.cluster.nodes:
            wait_until(lambda node=node: self._knows(node), "the new owner")

    def _set(self, node: Node, state: str, other: Node) -> None:
        node.client.execute_command("CLUSTER SETSLOT", self.slot, state, self.ids[other])

    def _owner(self, node: Node) -> int:
        ranges = node.client.execute_command("CLUSTER SLOTS")
        return next(owner[1] for first, last, owner, *_ in ranges if first <= self.slot <= last)

    def _knows(self, node: Node) -> bool:
        """Return whether the node knows the new owner, and will not forget it again.

        If two nodes claim a slot, a node believes the one whose epoch is later.
        """
        epochs = [self._epoch(asked) for asked in (node, self.target)]
        return self._owner(node) == self.target.port and epochs[0] == epochs[1]

    def _epoch(self, node: Node) -> str:
        """Return the epoch of the new owner, as this node knows it."""
        nodes = node.client.execute_command("CLUSTER NODES").values()
        return next(known["epoch"] for known in nodes if known["node_id"] == self.ids[self.target])


def move(cluster: Cluster, key: str) -> None:
    """Move the slot of the key to the next node, a key at a time."""
    slot_move = Move(cluster, key)
    slot_move.begin()
    while slot_move.carry(count=1):
        pass
    slot_move.end()


@contextmanager
def half_moved(cluster: Cluster, key: str) -> Iterator[None]:
    """Move all keys, but do not end the move: the old node redirects to the new one (ASK)."""
    slot_move = Move(cluster, key)
    slot_move.begin()
    while slot_move.carry():
        pass
    try:
        yield
    finally:
        slot_move.end()
