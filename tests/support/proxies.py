"""What stands between client and server, and loses an answer when told to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from support.redis_servers import HOST, Node


class Fate:
    """Of the answers that pass the proxies it is given to."""

    def __init__(self) -> None:
        self.lost = 0
        self._word, self._hangs_up = b"", True

    def lose(self, word: str, *, hang_up: bool = True) -> None:
        """The next answer to a request in which the word occurs. Else it is as if it were late."""
        self.lost, self._word, self._hangs_up = 0, word.encode(), hang_up

    def is_sealed(self, request: bytes) -> bool:
        if not self._word or self._word not in request:
            return False
        self._word = b""
        return True

    def strike(self) -> bool:
        """Does it end the connection?"""
        self.lost += 1
        return self._hangs_up


class Proxy:
    """Passes on whatever comes, to one server."""

    def __init__(self, server: Node, fate: Fate) -> None:
        self.server, self.fate = server, fate
        self._listener = socket.create_server((HOST, 0))
        self._sockets, self._threads = [self._listener], list[threading.Thread]()
        self._spawn(self._accept)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

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
            if self.fate.is_sealed(data):
                is_doomed.set()
            server.sendall(data)
        _shut(server)

    def _pass_answers(self, server: Any, client: Any, is_doomed: threading.Event) -> None:
        while data := _received(server):
            if not is_doomed.is_set():
                client.sendall(data)
            elif self.fate.strike():
                break
        _shut(client)


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 16)
    except OSError:
        return b""


def _shut(each: socket.socket) -> None:
    with suppress(OSError):  # it may be already
        each.shutdown(socket.SHUT_RDWR)
