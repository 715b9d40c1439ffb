"""Counts of round trips to a storage and of queries to the database."""

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
    """Yield a list that holds, at the end, the calls of each verb and the number of queries."""
    verbs, costs, inside = Counter[str](), list[Any](), []  # verbs may call other verbs

    def counted(verb: str, method: Any) -> Any:
        def call(*args: Any, **facts: Any) -> Any:
            verbs[verb] += not inside
            inside.append(verb)
            try:
                result = method(*args, **facts)
                return iter([*result]) if isgenerator(result) else result
            finally:
                inside.pop()

        return call

    with monkeypatch.context() as patch:
        for verb in BLOCKING_VERBS:
            patch.setattr(storage, verb, counted(verb, getattr(storage, verb)))
        with CaptureQueriesContext(connection) as captured:
            yield costs
    costs += [{verb: n for verb, n in verbs.items() if n}, len(captured)]
