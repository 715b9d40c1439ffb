"""Calls to a server and their answers: a client for each process, and one for each event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any

from redis.exceptions import (
    ConnectionError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
)

from ...core.expiry import from_microseconds
from .commands import Command
from .topology import Topology

RAW = {"NEVER_DECODE": True}  # a cache's client may be told to decode what it reads
ERRORS = (RedisError, RedisClusterException)
LOST = (ConnectionError, TimeoutError)


class Connection:
    """Blocking. One client for a process, all threads share its connections; a fork makes new ones.

    Calls are spoken straight over a connection where that can be: redis-py's way from a command
    to its answer takes half as long again (measured, with redis-py 8). What goes wrong there is
    left to redis-py, with its retries.
    """

    def __init__(self, place: Topology, prefix: str) -> None:
        self.place, self.prefix = place, prefix
        self._pid = 0
        self._client: Any = None
        self._idle: list[Any] = []  # connections; a thread takes one, and gives it back

    def run(self, call: Command) -> Any:
        """The answer. One round trip; two, once after a restart or a failover."""
        return self.run_all([call])[0]

    def run_all(self, calls: Sequence[Command]) -> list[Any]:
        """The answers of all. One round trip, to all nodes at once. Nothing is sent for none."""
        try:
            answers = self._ask(calls) if calls else []
            for number in _failed(answers):
                if isinstance(answers[number], NoScriptError):
                    (answers[number],) = self._ask([calls[number].with_source()])
                if isinstance(answers[number], Exception):
                    raise answers[number]
        except ERRORS as error:
            _explain(error, self)
            raise
        return answers

    def configurations(self) -> list[dict[str, str]]:
        """Of every primary. Empty where the server does not tell. One round trip."""
        try:
            client = self._here()
            if self.place.is_cluster:
                return list(client.config_get("*", target_nodes="primaries").values())
            return [client.config_get("*")]
        except ResponseError:
            return []
        except ERRORS as error:
            _explain(error, self)
            raise

    def times(self) -> list[datetime]:
        """By the clock of every primary. One round trip."""
        try:
            client = self._here()
            told = client.time(target_nodes="primaries") if self.place.is_cluster else client.time()
        except ResponseError:  # to whom it does not tell
            return []
        except ERRORS as error:
            _explain(error, self)
            raise
        times = told.values() if isinstance(told, dict) else [told]
        return [from_microseconds(1_000_000 * int(s) + int(rest)) for s, rest in times]

    def _here(self) -> Any:
        if self._pid != os.getpid():
            self._client, self._idle, self._pid = self.place.client(), [], os.getpid()
        return self._client

    def _ask(self, calls: Sequence[Command]) -> list[Any]:
        """An answer or a ResponseError for each."""
        client = self._here()
        if not self.place.is_cluster:
            try:
                return self._directly(client.connection_pool, calls)
            except LOST:
                pass
        if len(calls) > 1:
            return self._by_pipeline(client, calls)
        try:
            return [client.execute_command(*calls[0].words, **RAW)]
        except ResponseError as error:
            return [error]

    def _by_pipeline(self, client: Any, calls: Sequence[Command]) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for call in calls:
            options = dict(RAW)
            if self.place.is_cluster:  # or it asks the server for the keys of every single script
                options["target_nodes"] = client.get_node_from_key(call.key)
            pipeline.execute_command(*call.words, **options)
        return pipeline.execute(raise_on_error=False)  # type: ignore[no-any-return]

    def _directly(self, pool: Any, calls: Sequence[Command]) -> list[Any]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = pool.get_connection()
        try:
            connection.send_packed_command(_packed(connection, calls), check_health=False)
            answers = [_answer(connection) for _ in calls]
        except BaseException:
            self._give_up(connection, pool)
            raise
        if self.place.shares_pool:
            pool.release(connection)
        else:
            self._idle.append(connection)
        return answers

    def _give_up(self, connection: Any, pool: Any) -> None:
        """In the middle of an answer, or lost; then the idle ones are hardly better off."""
        broken, self._idle = [connection, *self._idle], []
        for each in broken:
            each.disconnect()
            pool.release(each)


class AsyncConnection:
    """Awaited. A client for each running event loop, which ends with it."""

    def __init__(self, place: Topology, prefix: str) -> None:
        self.place, self.prefix = place, prefix
        # Event loop -> its client, and what closes it
        self._clients: dict[Any, tuple[Any, AsyncGenerator[Any, None]]] = {}

    async def run(self, call: Command) -> Any:
        """See Link.run()."""
        return (await self.run_all([call]))[0]

    async def run_all(self, calls: Sequence[Command]) -> list[Any]:
        """See Link.run_all()."""
        try:
            answers = await self._ask(calls) if calls else []
            for number in _failed(answers):
                if isinstance(answers[number], NoScriptError):
                    (answers[number],) = await self._ask([calls[number].with_source()])
                if isinstance(answers[number], Exception):
                    raise answers[number]
        except ERRORS as error:
            _explain(error, self)
            raise
        return answers

    async def _ask(self, calls: Sequence[Command]) -> list[Any]:
        client = await self._here()
        if len(calls) > 1:
            pipeline = client.pipeline(transaction=False)
            for call in calls:
                pipeline.execute_command(*call.words, **RAW)
            return await pipeline.execute(raise_on_error=False)  # type: ignore[no-any-return]
        try:
            return [await client.execute_command(*calls[0].words, **RAW)]
        except ResponseError as error:
            return [error]

    async def _here(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            for closed in [each for each in list(self._clients) if each.is_closed()]:
                self._clients.pop(closed, None)  # whoever closed it did not end it properly
            lifetime = self._lifetime(loop)
            self._clients[loop] = await anext(lifetime), lifetime  # nothing waits there
        client, _ = self._clients[loop]
        # A cluster's asks for its nodes once. Many first calls at once would tear it apart.
        return await client.initialize()

    async def _lifetime(self, loop: Any) -> AsyncGenerator[Any, None]:
        """Suspended while the loop runs. Whoever ends a loop properly closes its asynchronous
        generators first (asyncio.run, async_to_sync), and this one closes the connections."""
        client = self.place.async_client()
        try:
            yield client
        finally:
            self._clients.pop(loop, None)
            await self.place.close(client)


def _packed(connection: Any, calls: Sequence[Command]) -> Any:
    if len(calls) == 1:
        return connection.pack_command(*calls[0].words)
    return connection.pack_commands([call.words for call in calls])


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:  # an answer, after which the connection can be used again
        return error


def _failed(answers: Sequence[Any]) -> list[int]:
    return [number for number, answer in enumerate(answers) if isinstance(answer, Exception)]


def _explain(error: Exception, link: Connection | AsyncConnection) -> None:
    """Let redis-py's error say where to look."""
    if isinstance(error, ResponseError) and "WRONGTYPE" in str(error):
        text = f"something else uses keys with the prefix {link.prefix!r}: "
        text += "MULTISESSION_REDIS_KEY_PREFIX"
    else:
        text = link.place.setting
    error.args = (f"{error} ({text})",)
