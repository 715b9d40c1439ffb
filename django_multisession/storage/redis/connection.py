"""Connections that send commands and return the answers.

The blocking half has one client for each process, the asynchronous one has one for each event loop.
"""

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

RAW = {"NEVER_DECODE": True}  # the client of a cache may be configured to decode what it reads
ERRORS = (RedisError, RedisClusterException)
LOST = (ConnectionError, TimeoutError)


class Connection:
    """Sends commands and blocks. One client for a process: all its threads share the connections.

    After a fork the child makes a client of its own. Except on a cluster, commands are written
    directly to a connection: redis-py's own way from a command to its answer takes half as long
    again (measured with redis-py 8). A connection that fails is left to redis-py, with its retries.
    """

    def __init__(self, topology: Topology, prefix: str) -> None:
        self.topology, self.prefix = topology, prefix
        self._pid = 0
        self._client: Any = None
        self._idle: list[Any] = []  # connections; a thread takes one and puts it back

    def run(self, command: Command) -> Any:
        """Return the answer. One round trip; two, once after a restart or a failover."""
        return self.run_all([command])[0]

    def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the answers of all commands. Without commands nothing is sent.

        One round trip, to all nodes at once. Raises the first error that the server answered.
        """
        try:
            answers = self.send(commands) if commands else []
            for number in _failed(answers):
                if isinstance(answers[number], NoScriptError):
                    (answers[number],) = self.send([commands[number].with_source()])
                if isinstance(answers[number], Exception):
                    raise answers[number]
        except ERRORS as error:
            _add_setting(error, self)
            raise
        return answers

    def configurations(self) -> list[dict[str, str]]:
        """Return the configuration of every primary. One round trip.

        The list is empty if the server refuses to show its configuration.
        """
        try:
            client = self.client()
            if self.topology.is_cluster:
                return list(client.config_get("*", target_nodes="primaries").values())
            return [client.config_get("*")]
        except ResponseError:
            return []
        except ERRORS as error:
            _add_setting(error, self)
            raise

    def times(self) -> list[datetime]:
        """Return the time by the clock of every primary. One round trip.

        The list is empty if the server refuses to show its time.
        """
        try:
            client, is_cluster = self.client(), self.topology.is_cluster
            answer = client.time(target_nodes="primaries") if is_cluster else client.time()
        except ResponseError:
            return []
        except ERRORS as error:
            _add_setting(error, self)
            raise
        times = answer.values() if isinstance(answer, dict) else [answer]
        return [from_microseconds(1_000_000 * int(s) + int(rest)) for s, rest in times]

    def client(self) -> Any:
        """Return redis-py's client of this process."""
        if self._pid != os.getpid():
            self._client, self._idle, self._pid = self.topology.client(), [], os.getpid()
        return self._client

    def send(self, commands: Sequence[Command]) -> list[Any]:
        """Return an answer or a ResponseError for each command."""
        client = self.client()
        if not self.topology.is_cluster:
            try:
                return self._send_directly(client.connection_pool, commands)
            except LOST:
                pass
        if len(commands) > 1:
            return self._send_by_pipeline(client, commands)
        try:
            return [client.execute_command(*commands[0].words, **RAW)]
        except ResponseError as error:
            return [error]

    def _send_by_pipeline(self, client: Any, commands: Sequence[Command]) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for command in commands:
            options = dict(RAW)
            if self.topology.is_cluster:  # or redis-py asks the server for the keys of each script
                options["target_nodes"] = client.get_node_from_key(command.key)
            pipeline.execute_command(*command.words, **options)
        return pipeline.execute(raise_on_error=False)  # type: ignore[no-any-return]

    def _send_directly(self, pool: Any, commands: Sequence[Command]) -> list[Any]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = pool.get_connection()
        try:
            connection.send_packed_command(_pack(connection, commands), check_health=False)
            answers = [_read_answer(connection) for _ in commands]
        except BaseException:
            self._discard(connection, pool)
            raise
        if self.topology.shares_pool:
            pool.release(connection)
        else:
            self._idle.append(connection)
        return answers

    def _discard(self, failed: Any, pool: Any) -> None:
        """Close a connection that was lost, or interrupted before it read the whole answer.

        The idle connections are closed too: they are probably in no better state.
        """
        unusable, self._idle = [failed, *self._idle], []
        for connection in unusable:
            connection.disconnect()
            pool.release(connection)


class AsyncConnection:
    """Sends commands and awaits the answers. Each running event loop has a client of its own.

    The client is closed when its event loop ends.
    """

    def __init__(self, topology: Topology, prefix: str) -> None:
        self.topology, self.prefix = topology, prefix
        # Event loop -> its client, and the generator that closes the client
        self.clients: dict[Any, tuple[Any, AsyncGenerator[Any, None]]] = {}

    async def run(self, command: Command) -> Any:
        """See Connection.run()."""
        return (await self.run_all([command]))[0]

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """See Connection.run_all()."""
        try:
            answers = await self.send(commands) if commands else []
            for number in _failed(answers):
                if isinstance(answers[number], NoScriptError):
                    (answers[number],) = await self.send([commands[number].with_source()])
                if isinstance(answers[number], Exception):
                    raise answers[number]
        except ERRORS as error:
            _add_setting(error, self)
            raise
        return answers

    async def client(self) -> Any:
        """Return redis-py's client of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self.clients:
            for closed in [known for known in list(self.clients) if known.is_closed()]:
                self.clients.pop(closed, None)  # the loop was closed without ending its generators
            lifetime = self._lifetime(loop)
            # Nothing in the generator waits before it yields.
            self.clients[loop] = await anext(lifetime), lifetime
        client, _ = self.clients[loop]
        # The client of a cluster asks once for its nodes. Many first commands at once break it.
        return await client.initialize()

    async def send(self, commands: Sequence[Command]) -> list[Any]:
        """See Connection.send()."""
        client = await self.client()
        if len(commands) > 1:
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command.words, **RAW)
            return await pipeline.execute(raise_on_error=False)  # type: ignore[no-any-return]
        try:
            return [await client.execute_command(*commands[0].words, **RAW)]
        except ResponseError as error:
            return [error]

    async def _lifetime(self, loop: Any) -> AsyncGenerator[Any, None]:
        """Yield a client, and close it when the event loop ends.

        The generator is suspended while the loop runs. Whoever ends a loop properly (asyncio.run,
        async_to_sync) first closes its asynchronous generators, and this one closes the
        connections.
        """
        client = self.topology.async_client()
        try:
            yield client
        finally:
            self.clients.pop(loop, None)
            await self.topology.close(client)


def _pack(connection: Any, commands: Sequence[Command]) -> Any:
    if len(commands) == 1:
        return connection.pack_command(*commands[0].words)
    return connection.pack_commands([command.words for command in commands])


def _read_answer(connection: Any) -> Any:
    try:
        return connection.read_response(disable_decoding=True)
    except ResponseError as error:  # a complete answer: the connection can be used again
        return error


def _failed(answers: Sequence[Any]) -> list[int]:
    return [number for number, answer in enumerate(answers) if isinstance(answer, Exception)]


def _add_setting(error: Exception, connection: Connection | AsyncConnection) -> None:
    """Add to redis-py's error the name of the setting to check."""
    if isinstance(error, ResponseError) and "WRONGTYPE" in str(error):
        text = f"something else uses keys with the prefix {connection.prefix!r}: "
        text += "MULTISESSION_REDIS_KEY_PREFIX"
    else:
        text = connection.topology.setting
    error.args = (f"{error} ({text})",)
