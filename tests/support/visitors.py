"""Load: visitors that send one request after another and record what was saved."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from redis.exceptions import ConnectionError, TimeoutError

from django_multisession.session import SessionStore
from support.redis_servers import wait_until

LOST = (ConnectionError, TimeoutError)  # the exceptions during an outage


class Visitor:
    """A visitor with one session, who increments its number with every request."""

    def __init__(self, store: type[SessionStore], **fields: Any) -> None:
        holder = store()
        holder.update({"n": 0, **fields})
        holder.save()
        self.store, self.key = store, holder.session_key
        self.tried = self.saved = self.safe = 0

    def request(self, *, is_durable: bool = True) -> None:
        holder = self.store(self.key)
        self.recognise(holder)
        self.tried += 1
        holder["n"] = self.tried
        holder.save()
        self.saved = self.tried
        if is_durable:
            self.safe = self.saved

    def recognise(self, holder: SessionStore) -> None:
        """Assert that the session still exists and has every number that is safe."""
        number = holder.get("n")
        assert holder.session_key is not None, "logged out"
        assert self.safe <= number <= self.tried


class Load:
    """Visitors in threads, and new ones now and then, during the ``with`` block.

    If ``is_durable``, every save is safe; otherwise only what was `secured`.
    """

    def __init__(self, stores: Iterable[type[SessionStore]], *, is_durable: bool = True) -> None:
        self.is_durable = is_durable
        self.visitors = [Visitor(store) for store in stores]
        self.losses: list[Exception] = []  # lost connections, which every caller must expect
        self.failures: list[BaseException] = []  # all other exceptions
        self._threads = [threading.Thread(target=self._run, args=(v,)) for v in self.visitors]
        self._over = threading.Event()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def go_on(self) -> None:
        """Wait until every visitor saved once more, by a request that began after this call."""
        counts = {visitor: visitor.saved for visitor in self.visitors[: len(self._threads)]}
        wait_until(
            lambda: self.failures or all(v.saved > n + 1 for v, n in counts.items()),
            "saving by everybody",
        )

    def wait_for_losses(self) -> None:
        """Wait until a visitor lost its connection."""
        wait_until(lambda: self.failures or self.losses, "a lost connection")

    def outlive(self, server: Any) -> None:
        """Kill the server while the visitors work, restart it, and wait for them."""
        self.go_on()
        server.kill()
        self.losses.clear()
        self.wait_for_losses()
        server.start()

    def secured(self) -> None:
        """Mark everything saved until now as safe. The caller has to replicate it."""
        for visitor in list(self.visitors):
            visitor.safe = visitor.saved

    def _run(self, visitor: Visitor) -> None:
        number = 0
        while not self._over.is_set() and not self.failures:
            number += 1
            try:
                visitor.request(is_durable=self.is_durable)
                if number % 10 == 0 and self.is_durable:
                    self.visitors.append(Visitor(visitor.store))
            except LOST as error:
                self.losses.append(error)
                self._over.wait(0.01)
            except BaseException as error:
                self.failures.append(error)
