"""Server processes of sockets_site, and the sockets of its visitors."""

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
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.databases import entry_of
from support.demo_sites import DEADLINE, PLACES, Browser, environment, manage
from support.redis_servers import ALONE
from support.servers import HOST, free_port, wait_until

SOON = 1.0  # seconds from the response that ended a session to the close
SERVERS = {
    "uvicorn": ["uvicorn", "--log-level", "warning", "--host", HOST, "--port"],
    "daphne": ["daphne", "--verbosity", "0", "--bind", HOST, "--port"],
}


class Site:
    """A site with several server processes and commands, which share its sessions."""

    def __init__(self, folder: Path, place: dict[str, str], layer: str) -> None:
        """Create the site. ``layer`` is the URL of the channel layer's Redis, or ""."""
        self.folder = folder
        notes = {"DISCONNECTS": str(folder / "codes"), "CHANNEL_LAYER": layer}
        self.place = {**place, **notes, "DJANGO_SETTINGS_MODULE": "support.sockets_settings"}
        self.manage("demo", "--no-serve")

    def manage(self, *arguments: str) -> str:
        """Run a management command, which must succeed, and return its output."""
        with manage(self.folder, self.place, *arguments) as process:
            said = process.communicate(timeout=DEADLINE)[0]
        assert process.returncode == 0, said
        return said

    @contextmanager
    def serve(self, server: str = "uvicorn", **more: str) -> Iterator[str]:
        """Run a server process and return its URL."""
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
            # Outside the checkout, from which python -m would import the package.
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
        """The logs of all servers."""
        return "".join(log.read_text() for log in sorted(self.folder.glob("log-*")))

    def codes(self) -> list[str]:
        """The codes with which the consumers' disconnect() was called so far."""
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
    """Create a PostgreSQL database for the site."""
    entry = entry_of("postgres")
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
    """Open a site with this kind of storage. The default channel layer is the tests' Redis."""
    with ExitStack() as stack:
        on = stack.enter_context(_on_postgres()) if kind == "postgres" else PLACES[kind]()
        yield Site(folder, on, ALONE.url if layer is None else layer)


class Socket:
    """A socket with the session of this key, open during the ``with`` block."""

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
        """Send a text and return the response."""
        self._connection.send(json.dumps(text) if self.path == "json" else text)
        answer = self._connection.recv(DEADLINE)
        return str(json.loads(answer) if self.path == "json" else answer)

    def closed(self, within: float = SOON, since: float | None = None) -> int:
        """Return the close code, which must come within so many seconds."""
        end = (time.monotonic() if since is None else since) + within
        with pytest.raises(ConnectionClosed) as caught:
            self._connection.recv(end - time.monotonic())
        received = caught.value.rcvd
        assert received, "it just broke off"
        return received.code


class Visits:
    """Browsers and sockets of a site that is served by several processes."""

    def __init__(self, site: Site, addresses: list[str], stack: ExitStack) -> None:
        self.site, self.addresses, self._stack = site, addresses, stack

    def log_in(self, name: str = "") -> Browser:
        """Return a browser in which this user, by default a new one, is logged in."""
        browser = Browser(self.addresses[0])
        browser.open(f"/enter/{name or uuid4()}/")
        return browser

    def open(self, browser: Browser | None, path: str = "echo", server: int = 0) -> Socket:
        """Open a socket and wait for its first echo, so that its session is watched."""
        key = browser.key if browser else None
        socket = self._stack.enter_context(Socket(self.addresses[server], key, path))
        socket.says("hello")
        return socket

    def open_everywhere(self, browser: Browser | None, path: str = "echo") -> list[Socket]:
        return [self.open(browser, path, server) for server in range(len(self.addresses))]


@contextmanager
def visits(site: Site, addresses: list[str]) -> Iterator[Visits]:
    """Open visits. Afterwards: no server logged an error."""
    with ExitStack() as stack:
        yield Visits(site, addresses, stack)
    assert "Traceback" not in site.logged, site.logged


def session_handle(browser: Browser) -> str:
    handle = browser.session()["handle"]
    assert isinstance(handle, str)
    return handle


def all_closed(sockets: list[Socket], within: float = SOON) -> set[int]:
    """Return the close codes of the sockets, which must close within so many seconds from now."""
    now = time.monotonic()
    return {socket.closed(within, now) for socket in sockets}


def all_open(sockets: list[Socket]) -> bool:
    return all(socket.says("still here").endswith("still here") for socket in sockets)
