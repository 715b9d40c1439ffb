"""Server processes of sockets_site, several of one site, and the sockets of their visitors."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.demo_sites import DEADLINE, PLACES, Browser, environment, manage
from support.redis_servers import ALONE
from support.servers import HOST, free_port, missing, wait_until

SOON = 1.0  # seconds from the answer to whoever ended a session, to the close
SERVERS = {
    "uvicorn": ["uvicorn", "--log-level", "warning", "--host", HOST, "--port"],
    "daphne": ["daphne", "--verbosity", "0", "--bind", HOST, "--port"],
}


class Site:
    """A site, for server processes and commands. All of them see the same sessions."""

    def __init__(self, folder: Path, place: dict[str, str], layer: str) -> None:
        """``layer``: the URL of the Redis of the channel layer, if there is one."""
        self.folder = folder
        notes = {"DISCONNECTS": str(folder / "codes"), "CHANNEL_LAYER": layer}
        self.place = {**place, **notes, "DJANGO_SETTINGS_MODULE": "support.sockets_settings"}
        self.manage("demo", "--no-serve")

    def manage(self, *arguments: str) -> str:
        """What a command says, in a process of its own. It must go well."""
        with manage(self.folder, self.place, *arguments) as process:
            said = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0, said
        return said

    @contextmanager
    def serve(self, server: str = "uvicorn", **more: str) -> Iterator[str]:
        """A server process; its address."""
        port = free_port()
        command = [
            sys.executable,
            "-m",
            *SERVERS[server],
            str(port),
            "support.sockets_site:application",
        ]
        with (self.folder / f"log-{port}").open("wb") as log:
            outer = environment(self.folder, {**self.place, **more})
            # Not in the checkout: python -m would take the package from there.
            options: dict[str, Any] = {"cwd": self.folder, "stdout": log, "stderr": log}
            process = subprocess.Popen(command, env=outer, **options)
        address = f"http://{HOST}:{port}"
        try:
            wait_until(lambda: _answers(process, address, self), f"{server} on port {port}")
            yield address
        finally:
            process.terminate()
            process.wait(DEADLINE)

    @property
    def logged(self) -> str:
        """What all servers had to complain of."""
        return "".join(log.read_text() for log in sorted(self.folder.glob("log-*")))

    def codes(self) -> list[str]:
        """What the consumers' disconnect() was called with, so far."""
        notes = self.folder / "codes"
        return notes.read_text().splitlines() if notes.exists() else []


def _answers(process: subprocess.Popen[bytes], address: str, site: Site) -> bool:
    try:
        Browser(address).session()
    except URLError:
        assert process.poll() is None, site.logged
        return False
    return True


@contextmanager
def _on_postgres() -> Iterator[dict[str, str]]:
    """A database of its own."""
    if "postgres" not in settings.DATABASES:
        missing("server for postgres")
    entry = settings.DATABASES["postgres"]
    name = f"{entry['TEST']['NAME']}_sockets"
    account = {"host": entry["HOST"], "port": entry["PORT"], "user": entry["USER"]}
    account |= {"password": entry["PASSWORD"]}
    with closing(psycopg.connect(**account, dbname="postgres", autocommit=True)) as link:
        link.execute(f'DROP DATABASE IF EXISTS "{name}"')
        link.execute(f'CREATE DATABASE "{name}"')
        yield {"DATABASES": json.dumps({"default": {**entry, "NAME": name}})}
        link.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def site_on(kind: str, folder: Path, layer: str | None = None) -> Iterator[Site]:
    """Where sessions are kept in this; by default with a channel layer on the tests' Redis."""
    with ExitStack() as stack:
        on = stack.enter_context(_on_postgres()) if kind == "postgres" else PLACES[kind]()
        yield Site(folder, on, ALONE.url if layer is None else layer)


class Socket:
    """Of whoever has this session key; open in the ``with`` block."""

    def __init__(self, address: str, key: str | None, path: str = "echo") -> None:
        self.path = path
        headers = {"Cookie": f"sessionid={key}"} if key else {}
        url = f"{address.replace('http', 'ws', 1)}/{path}/"
        self._connection = connect(url, additional_headers=headers, proxy=None)

    def __enter__(self) -> Socket:
        self._connection.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.__exit__(*error)

    def says(self, text: str) -> str:
        """The answer to what it is sent."""
        self._connection.send(json.dumps(text) if self.path == "json" else text)
        answer = self._connection.recv(DEADLINE)
        return str(json.loads(answer) if self.path == "json" else answer)

    def closed(self, within: float = SOON, since: float | None = None) -> int:
        """The code that it is closed with, within so many seconds."""
        end = (time.monotonic() if since is None else since) + within
        with pytest.raises(ConnectionClosed) as caught:
            self._connection.recv(end - time.monotonic())
        received = caught.value.rcvd
        assert received, "it just broke off"
        return received.code


class Visits:
    """Of a site that several processes serve: browsers, and sockets on each of them."""

    def __init__(self, site: Site, addresses: list[str], stack: ExitStack) -> None:
        self.site, self.addresses, self._stack = site, addresses, stack

    def log_in(self, name: str = "") -> Browser:
        """By default somebody new."""
        browser = Browser(self.addresses[0])
        browser.open(f"/enter/{name or uuid4()}/")
        return browser

    def open(self, browser: Browser | None, path: str = "echo", server: int = 0) -> Socket:
        """One that was heard: it is looked after."""
        key = browser.key if browser else None
        socket = self._stack.enter_context(Socket(self.addresses[server], key, path))
        socket.says("hello")
        return socket

    def open_everywhere(self, browser: Browser | None, path: str = "echo") -> list[Socket]:
        return [self.open(browser, path, server) for server in range(len(self.addresses))]


@contextmanager
def visits(site: Site, addresses: list[str]) -> Iterator[Visits]:
    """With nothing to complain of: no server may log an error."""
    with ExitStack() as stack:
        yield Visits(site, addresses, stack)
    assert "Traceback" not in site.logged, site.logged


def handle_of(browser: Browser) -> str:
    handle = browser.session()["handle"]
    assert isinstance(handle, str)
    return handle


def all_closed(sockets: list[Socket], within: float = SOON) -> set[int]:
    """The codes. The time begins now."""
    now = time.monotonic()
    return {socket.closed(within, now) for socket in sockets}


def all_open(sockets: list[Socket]) -> bool:
    return all(socket.says("still here").endswith("still here") for socket in sockets)
