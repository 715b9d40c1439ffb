"""The awaited dialect in one event loop that keeps running, as in an ASGI server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

from support.dialects import Blocking

DEADLINE = 30  # seconds for an answer


class InOneLoop:
    """A proxy whose ``verb(...)`` awaits ``averb`` in a loop that a thread runs until `close`."""

    def __init__(self, subject: Any) -> None:
        self.subject, self.loop = subject, asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            answer = getattr(self.subject, f"a{name}")(*args, **kwargs)
            if isinstance(answer, AsyncIterator):
                return [item async for item in answer]
            return await answer

        return lambda *args, **kwargs: self._run(call(*args, **kwargs))

    def close(self) -> None:
        self._run(self.loop.shutdown_asyncgens())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE)


def lasting(dialect: Any, subject: Any) -> Iterator[Any]:
    """Yield the subject in the dialect, for a fixture. Its connections stay open until the end."""
    if dialect is Blocking:
        yield Blocking(subject)
        return
    with closing(InOneLoop(subject)) as it:
        yield it
