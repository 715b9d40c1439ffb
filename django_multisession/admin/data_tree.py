"""The data of a session as a tree that can be read, with its secrets hidden. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from .. import conf

DEPTH = 12  # of what is nested
BRANCHES = 200  # of one value
LENGTH = 2000  # characters of a text


@dataclass(frozen=True)
class Node:
    name: str
    kind: str  # of the value, as Python calls it
    text: str = ""  # of a value that holds no others
    children: Sequence[Node] = field(default=())
    is_hidden: bool = False
    left_out: int = 0  # children, or characters, that are not shown


def tree_of(data: Mapping[str, Any], *, reveal: bool = False) -> list[Node]:
    """A node for each field, by name. With ``reveal`` nothing is hidden."""
    return [_node(str(name), data[name], reveal, DEPTH) for name in sorted(data, key=str)]


def hides_any(nodes: Sequence[Node]) -> bool:
    return any(node.is_hidden or hides_any(node.children) for node in nodes)


def _node(name: str, value: Any, reveal: bool, depth: int) -> Node:
    kind = type(value).__name__
    if not reveal and _is_secret(name):
        return Node(name, kind, is_hidden=True)
    if (items := _items(value)) is not None:
        if not depth:  # as text it would show its secrets
            return Node(name, kind, left_out=len(value))
        shown = islice(items, BRANCHES)
        children = [_node(str(key), inner, reveal, depth - 1) for key, inner in shown]
        return Node(name, kind, children=children, left_out=len(value) - len(children))
    text = value if isinstance(value, str) else repr(value)
    return Node(name, kind, text[:LENGTH], left_out=max(0, len(text) - LENGTH))


def _items(value: Any) -> Iterator[tuple[Any, Any]] | None:
    """What it holds; None for what holds nothing."""
    if isinstance(value, Mapping):
        return iter(value.items())
    if isinstance(value, (list, tuple)):
        return iter(enumerate(value))
    return None


def _is_secret(name: str) -> bool:
    folded = name.casefold()
    return any(part in folded for part in conf.secret_names())
