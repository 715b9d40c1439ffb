"""The data of a session as a tree for the admin, with secret values hidden.

Names decide which values are hidden. Django's exception reporter filter knows the names that a
project calls secret on its error pages (DEFAULT_EXCEPTION_REPORTER_FILTER); the admin follows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.views.debug import (
    SafeExceptionReporterFilter,
    get_default_exception_reporter_filter,
)

MAX_DEPTH = 12  # levels of nested values
MAX_CHILDREN = 200  # of one value
MAX_LENGTH = 2000  # characters of a text

# Parts of names of secrets in sessions that Django's pattern, made for settings, does not have.
MORE_SECRETS = re.compile("credential|csrf|hash", re.IGNORECASE)
# Django's pattern contains AUTH and matches these two. They hold the user's primary key and the
# dotted path of an authentication backend. Neither is a secret, and the administrator needs them
# to see who is signed in and how. The third field of a login, _auth_user_hash, stays hidden.
NOT_SECRET = frozenset({SESSION_KEY, BACKEND_SESSION_KEY})

IsSecret = Callable[[str], bool]


@dataclass(frozen=True)
class Node:
    """A value of the session data, with the values nested in it."""

    name: str
    kind: str  # the name of the value's Python type
    text: str = ""  # empty if the value is a container or hidden
    children: Sequence[Node] = field(default=())
    is_hidden: bool = False
    left_out: int = 0  # children, or characters of the text, beyond the limits above


def build_tree(data: Mapping[str, Any], *, reveal: bool = False) -> list[Node]:
    """Return a node for each field, sorted by name. With ``reveal``, nothing is hidden."""
    is_secret = _nothing_is_secret if reveal else _secret_names()
    return [_node(str(name), data[name], is_secret, MAX_DEPTH) for name in sorted(data, key=str)]


def has_hidden(nodes: Sequence[Node]) -> bool:
    """Return whether a node is hidden, at any depth."""
    return any(node.is_hidden or has_hidden(node.children) for node in nodes)


def _node(name: str, value: Any, is_secret: IsSecret, depth: int) -> Node:
    kind = type(value).__name__
    if is_secret(name):
        return Node(name, kind, is_hidden=True)
    if (items := _items(value)) is not None:
        if not depth:  # its text would show nested secrets
            return Node(name, kind, left_out=len(value))
        shown = islice(items, MAX_CHILDREN)
        children = [_node(str(key), inner, is_secret, depth - 1) for key, inner in shown]
        return Node(name, kind, children=children, left_out=len(value) - len(children))
    text = value if isinstance(value, str) else repr(value)
    return Node(name, kind, text[:MAX_LENGTH], left_out=max(0, len(text) - MAX_LENGTH))


def _items(value: Any) -> Iterator[tuple[Any, Any]] | None:
    """Return the names and values in a container, or None if the value is not one."""
    if isinstance(value, Mapping):
        return iter(value.items())
    if isinstance(value, (list, tuple)):
        return iter(enumerate(value))
    return None


def _secret_names() -> IsSecret:
    """Return the function that decides by its name whether a value is hidden.

    The attribute ``hidden_settings`` is documented, but a project's filter class need not have it.
    """
    reporter_filter = get_default_exception_reporter_filter()
    default = SafeExceptionReporterFilter.hidden_settings
    pattern = getattr(reporter_filter, "hidden_settings", default)

    def is_secret(name: str) -> bool:
        is_match = pattern.search(name) or MORE_SECRETS.search(name)
        return bool(is_match) and name not in NOT_SECRET

    return is_secret


def _nothing_is_secret(name: str) -> bool:
    return False
