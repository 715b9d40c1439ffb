"""Proxies between client and server that can lose an answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from support.redis_servers import HOST, Node


class Fate:
    """Decides which answers are lost by the proxies that it is given to."""

    def __init__(self) -> None:
        self.lost = 0
        self._word, self._hangs_up = b"", True

    def lose(self, word: str, *, hang_up: bool = True) -> None:
        """Lose the next answer to a request that contains the word.

        ``hang_up``: close the connection; otherwise the answer just does not come in time.
        """
        self.lost, self._word, self._hangs_up = 0, word.encode(), hang_up

    def is_doomed(self, request: bytes) -> bool:
        """Return whether the answer to this request will be lost. True only once."""
        if not self._word or self._word not in request:
            return False
        self._word = b""
        return True

    def lose_answer(self) -> bool:
        """Count a lost answer. Return whether to close the connection."""
        self.lost += 1
        return self._hangs_up


class Proxy:
    """A proxy of one server."""

    def __init__(self, server: Node, fate: Fate) -> None:
        self.server, self.fate = server, fate
        self._listener = socket.create_server((HOST, 0))
        self._sockets, self._threads = [self._listener], list[threading.Thread]()
        self._spawn(self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        for connection in self._sockets:
            _shut(connection)
        for thread in self._threads:
            thread.join()
        for connection in self._sockets:
            connection.close()

    def _spawn(self, run: Any, *args: Any) -> None:
        self._threads.append(threading.Thread(target=run, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((HOST, self.server.port))
            self._sockets += [client, server]
            is_doomed = threading.Event()
            self._spawn(self._pass_requests, client, server, is_doomed)
            self._spawn(self._pass_answers, server, client, is_doomed)

    def _pass_requests(self, client: Any, server: Any, is_doomed: threading.Event) -> None:
        while data := _received(client):
            if self.fate.is_doomed(data):
                is_doomed.set()
            server.sendall(data)
        _shut(server)

    def _pass_answers(self, server: Any, client: Any, is_doomed: threading.Event) -> None:
        while data := _received(server):
            if not is_doomed.is_set():
                client.sendall(data)
            elif self.fate.lose_answer():
                break
        _shut(client)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
