"""What is asked of a storage and of the database: round trips, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import isgenerator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_multisession.storage.base import Storage
from support.subjects import BLOCKING_VERBS


@contextmanager
def counting(storage: Storage, monkeypatch: Any) -> Iterator[list[Any]]:
    """Yields [verbs, queries], which are told when it is over."""
    verbs, told, inside = Counter[str](), list[Any](), []  # a verb may be made of others

    def counted(verb: str, method: Any) -> Any:
        def call(*args: Any, **facts: Any) -> Any:
            verbs[verb] += not inside
            inside.append(verb)
            try:
                found = method(*args, **facts)
                return iter([*found]) if isgenerator(found) else found
            finally:
                inside.pop()

        return call

    with monkeypatch.context() as patch:
        for verb in BLOCKING_VERBS:
            patch.setattr(storage, verb, counted(verb, getattr(storage, verb)))
        with CaptureQueriesContext(connection) as captured:
            yield told
    told += [{verb: n for verb, n in verbs.items() if n}, len(captured)]
