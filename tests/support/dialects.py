"""The two dialects of a test suite: the same calls, blocking or awaited."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import async_to_sync


class Blocking:
    """A proxy whose ``verb(...)`` calls the subject's ``verb``. An iterator becomes a list."""

    def __init__(self, subject: Any) -> None:
        self.subject = subject

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            answer = getattr(self.subject, name)
            if callable(answer):
                answer = answer(*args, **kwargs)
            return list(answer) if isinstance(answer, Iterator) else answer

        return call


class Awaited:
    """A proxy whose ``verb(...)`` awaits the subject's ``averb``. An iterator becomes a list."""

    def __init__(self, subject: Any) -> None:
        self.subject = subject

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            answer = getattr(self.subject, f"a{name}")(*args, **kwargs)
            if isinstance(answer, AsyncIterator):
                return [item async for item in answer]
            return await answer if inspect.isawaitable(answer) else answer

        return async_to_sync(call)


DIALECTS = {"blocking": Blocking, "awaited": Awaited}
