"""A proxy between a client and DynamoDB. It records requests, and can answer with faults."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from select import select
from socket import SHUT_RDWR, socket
from typing import Any
from urllib.parse import urlsplit

from support.dynamodb_answers import (
    HANGS_UP,
    SILENCE,
    Answer,
    Fault,
    Forward,
    Request,
    conflicting,
    error,
    partly,
)
from support.servers import HOST

Which = str | Callable[[Request], bool]  # an operation ("" for any), or a predicate
THROTTLED = "ProvisionedThroughputExceededException"
PER_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class PlannedFault:
    """A fault for the next requests that match."""

    fault: Fault
    which: Which
    times: int
    after: int  # matching requests that are spared first

    def takes(self, request: Request) -> bool:
        if not self.times or not matches(request, self.which):
            return False
        is_spared = self.after > 0
        self.after -= is_spared
        self.times -= not is_spared
        return not is_spared


def matches(request: Request, which: Which) -> bool:
    return which(request) if callable(which) else which in ("", request.operation)


class Proxy:
    """A proxy in front of one server; a context manager.

    Each fault meets the next ``times`` requests that match. Several faults wait in order.
    """

    def __init__(self, server: Any) -> None:
        self.server = server
        self.requests: list[Request] = []  # all requests, including those that a fault met
        self.struck = 0  # requests that a fault met
        self.connections = 0  # that clients made
        self._plans: list[PlannedFault] = []
        self._lock = threading.Lock()
        self._listener = _Listener(self, urlsplit(server.url).netloc)
        serve = self._listener.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._listener.server_port}"

    @property
    def options(self) -> dict[str, str]:
        """The server's options, with the URL of the proxy."""
        return {**self.server.options, "endpoint_url": self.url}

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.close()

    def clear(self) -> None:
        """Forget recorded requests and planned faults."""
        with self._lock:
            self.requests, self._plans, self.struck = [], [], 0

    def calls(self, operation: Callable[[], object]) -> Counter[str]:
        """Return how many requests of each operation the call causes."""
        before = len(self.requests)
        operation()
        return Counter(request.operation for request in self.requests[before:])

    def strike(self, fault: Fault, which: Which = "", times: int = 1, after: int = 0) -> None:
        with self._lock:
            self._plans.append(PlannedFault(fault, which, times, after))

    def refuse(
        self, code: str, which: Which = "", *, message: str = "", status: int = 400, **plan: int
    ) -> None:
        """Answer with this error. The server does not receive the request."""
        refusal = error(code, message or f"{code}, says the proxy", status)
        self.strike(lambda request, forward: refusal, which, **plan)

    def throttle(self, which: Which = "", *, code: str = THROTTLED, **plan: int) -> None:
        """Answer that the table is throttled. Another code for it is ThrottlingException."""
        self.refuse(code, which, message="Rate exceeded", **plan)

    def fail(self, which: Which = "", **plan: int) -> None:
        self.refuse("InternalServerError", which, status=500, **plan)

    def conflict(self, which: Which = "", *reasons: str, **plan: int) -> None:
        """Answer that a transaction conflicts, or was cancelled for these reasons, one an item."""
        codes = reasons or ("TransactionConflict",)
        self.strike(lambda request, forward: conflicting(request, codes), which, **plan)

    def drop(self, which: Which = "", **plan: int) -> None:
        """End the connection before the server receives the request."""
        self.strike(lambda request, forward: HANGS_UP, which, **plan)

    def lose(self, which: Which = "", *, hang_up: bool = True, **plan: int) -> None:
        """Forward the request, but lose the answer; the client sees a hang-up or a timeout."""
        lost = HANGS_UP if hang_up else SILENCE
        self.strike(lambda request, forward: (forward(request), lost)[1], which, **plan)

    def hang(self, which: Which = "", **plan: int) -> None:
        """Do not answer until the client gives up. The server does not receive the request."""
        self.strike(lambda request, forward: SILENCE, which, **plan)

    def partial(self, passed: int, which: Which = "", **plan: int) -> None:
        """Forward only the first ``passed`` entries of a batch; the rest is unprocessed."""

        def is_batch(request: Request) -> bool:
            return "RequestItems" in request.body and matches(request, which)

        self.strike(lambda request, forward: partly(request, forward, passed), is_batch, **plan)

    def before(self, action: Callable[[], object], which: Which = "", **plan: int) -> None:
        """Run the action before the request is forwarded."""
        self.strike(lambda request, forward: (action(), forward(request))[1], which, **plan)

    def answer(self, request: Request, forward: Forward) -> Answer:
        with self._lock:
            self.requests.append(request)
            fault = next((plan.fault for plan in self._plans if plan.takes(request)), None)
            self.struck += fault is not None
        return fault(request, forward) if fault else forward(request)


class _Listener(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128

    def __init__(self, proxy: Proxy, place: str) -> None:
        self.proxy, self.place = proxy, place
        self._open: set[socket] = set()
        super().__init__((HOST, 0), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        self.proxy.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a closed connection; report any other error."""
        if not isinstance(sys.exc_info()[1], (OSError, HTTPException)):
            super().handle_error(request, client_address)

    def close(self) -> None:
        for each in list(self._open):
            with suppress(OSError):  # it may be closed already
                each.shutdown(SHUT_RDWR)
        self.server_close()


class _Connection(BaseHTTPRequestHandler):
    """The connection of one client, with its own connection to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece
    server: _Listener

    def setup(self) -> None:
        super().setup()
        self._upstream = HTTPConnection(self.server.place, timeout=10)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_POST(self) -> None:
        self.close_connection = True  # unless the answer is sent
        data = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        request = Request(operation, json.loads(data), dict(self.headers))
        self._settle(self.server.proxy.answer(request, self._forward))

    def log_message(self, *words: object) -> None: ...

    def _forward(self, request: Request) -> Answer:
        behind = self._upstream
        if behind.sock and select([behind.sock], [], [], 0)[0]:
            behind.close()  # the server closed it while idle; the next request opens it again
        headers = {k: v for k, v in request.headers.items() if k.lower() not in PER_HOP}
        behind.request("POST", self.path, json.dumps(request.body).encode(), headers)
        answer = behind.getresponse()
        return Answer(answer.read(), answer.status, dict(answer.headers))

    def _settle(self, answer: Answer) -> None:
        if answer is SILENCE:
            self.rfile.read(1)  # until the client gives up
        elif answer is not HANGS_UP:
            self._send(answer)
            self.close_connection = False

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in PER_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data)
