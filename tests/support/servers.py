"""Real servers for the tests: named by a variable, running on this machine, or started here.

MULTISESSION_POSTGRES_URL and MULTISESSION_MARIADB_URL name one, postgresql://user:password@host:port
(a database of our own is made there, and dropped again); "start" means: whatever runs, start one.
Where there is no variable, a server on the usual port is taken, else one is started from the
PATH. MULTISESSION_REQUIRE_SERVERS=1 makes a missing server an error instead of skipped tests.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import pytest

pymysql.install_as_MySQLdb()

DEADLINE = 60  # seconds for a server to come up
HOST = "127.0.0.1"


class Server(ABC):
    """One kind of database server."""

    alias: str
    engine: str
    user: str  # the administrator of a server that runs on this machine or is started here
    port: int  # where it usually listens
    binaries: str  # where Debian keeps what is not on the PATH
    death = signal.SIGKILL

    def find(self) -> dict[str, object] | None:
        """Its entry of DATABASES, or None."""
        url = os.environ.get(f"MULTISESSION_{self.alias.upper()}_URL", "")
        if url and url != "start":
            parts = urlsplit(url)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            return self._entry(parts.hostname or HOST, parts.port or self.port, user, password)
        if not url and self._answers(self.port):
            return self._entry(HOST, self.port, self.user, "")
        return self._started()

    def _entry(self, host: str, port: int, user: str, password: str) -> dict[str, object]:
        # A name of its own, so that several runs may share one server.
        environment = os.environ.get("TOX_ENV_NAME", "tests").replace("-", "_").replace(".", "_")
        return {
            "ENGINE": f"django.db.backends.{self.engine}",
            "NAME": "multisession",
            "HOST": host,
            "PORT": port,
            "USER": user,
            "PASSWORD": password,
            "TEST": {"NAME": f"test_multisession_{environment}_{os.getpid()}"},
        }

    def _answers(self, port: int) -> bool:
        try:
            self._connect(port)
        except (psycopg.Error, pymysql.Error):
            return False
        return True

    def _started(self) -> dict[str, object] | None:
        instance = Instance(self)
        try:
            instance.start()
        except FileNotFoundError:
            return None
        atexit.register(instance.remove)
        return instance.entry

    def _binary(self, name: str) -> str:
        places = os.pathsep.join([os.environ["PATH"], *sorted(glob(self.binaries))])
        if path := shutil.which(name, path=places):
            return path
        raise FileNotFoundError(name)

    @abstractmethod
    def _connect(self, port: int) -> object: ...

    @abstractmethod
    def _prepare(self, folder: Path) -> list[object]:
        """The command that makes an empty data directory."""

    @abstractmethod
    def _serve(self, folder: Path, port: int) -> list[object]:
        """The command that serves it."""


class Process:
    """A server of our own, in a temporary folder, which can be killed."""

    def __init__(self, kind: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"multisession-{kind}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.nodes = [self]  # some are several processes

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Instance(Process):
    """A database server, which can be started again."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.alias)
        self.server = server
        self.entry = server._entry(HOST, self.port, server.user, "")

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(self.server.death)
            self.process.wait()

    def start(self) -> None:
        """Raises FileNotFoundError where the server is not installed."""
        if not (self.folder / "data").exists():
            _run(self.server._prepare(self.folder), self.folder).wait(DEADLINE)
        self.process = _run(self.server._serve(self.folder, self.port), self.folder)
        deadline = time.monotonic() + DEADLINE
        while not self.server._answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.server.alias}: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)


class Postgres(Server):
    alias, engine, user, port = "postgres", "postgresql", "postgres", 5432
    binaries = "/usr/lib/postgresql/*/bin"
    death = signal.SIGQUIT  # at once, with its children: a killed one's may answer once more

    def _connect(self, port: int) -> object:
        return psycopg.connect(host=HOST, port=port, user=self.user, connect_timeout=3).close()

    def _prepare(self, folder: Path) -> list[object]:
        initdb = self._binary("initdb")
        return [initdb, "-D", folder / "data", "-U", self.user, "-A", "trust", "--no-sync"]

    def _serve(self, folder: Path, port: int) -> list[object]:
        options = ["-D", folder / "data", "-h", HOST, "-p", port, "-k", folder]
        return [self._binary("postgres"), *options]


class MariaDB(Server):
    alias, engine, user, port = "mariadb", "mysql", "root", 3306
    binaries = "/usr/sbin"

    def _connect(self, port: int) -> object:
        return pymysql.connect(host=HOST, port=port, user=self.user, connect_timeout=3).close()

    def _prepare(self, folder: Path) -> list[object]:
        options = [f"--datadir={folder}/data", "--auth-root-authentication-method=normal"]
        return [self._binary("mariadb-install-db"), "--no-defaults", *options]

    def _serve(self, folder: Path, port: int) -> list[object]:
        options = [f"--bind-address={HOST}", f"--port={port}", f"--socket={folder}/socket"]
        options += [f"--datadir={folder}/data", f"--pid-file={folder}/pid"]
        return [self._binary("mariadbd"), "--no-defaults", *options]


REQUIRED = os.environ.get("MULTISESSION_REQUIRE_SERVERS") == "1"


def databases() -> dict[str, dict[str, object]]:
    """Alias -> entry of DATABASES, for every server there is."""
    found = {server.alias: server.find() for server in (Postgres(), MariaDB())}
    lacking = [alias for alias, database in found.items() if database is None]
    if lacking and REQUIRED:
        raise RuntimeError(f"No server for {', '.join(lacking)}, and all are required.")
    return {alias: database for alias, database in found.items() if database}


def missing(what: str) -> None:
    """Skip the test; or fail it, where every server is required."""
    (pytest.fail if REQUIRED else pytest.skip)(f"no {what}")


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {DEADLINE} seconds")
        time.sleep(0.02)


@contextmanager
def running(server: Any) -> Iterator[Any]:
    """For a fixture: all its nodes, from here to there."""
    server.start()
    try:
        yield server
    finally:
        for node in server.nodes:
            node.remove()


class Lazily:
    """A server that starts when its URL is first asked for."""

    def __init__(self, server: Any) -> None:
        self.server = server

    @cached_property
    def url(self) -> str:
        self.server.start()
        return str(self.server.url)


def free_port() -> int:
    with socket.socket() as server:
        server.bind((HOST, 0))
        return int(server.getsockname()[1])


def _run(command: list[object], folder: Path) -> subprocess.Popen[bytes]:
    """Database servers refuse to run as root, so there it is an ordinary user who runs them."""
    user = _ordinary_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    with (folder / "log").open("ab") as log:
        words = [str(word) for word in command]
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, user=user)


def _ordinary_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "mysql", "nobody") if name in known)
