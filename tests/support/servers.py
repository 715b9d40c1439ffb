"""Real database servers for the tests, and helpers for every server that the tests start.

MULTISESSION_POSTGRES_URL and MULTISESSION_MARIADB_URL choose the server:

- postgresql://user:password@host:port: this one. The tests create a database of their own on it.
- "start": the tests start a server, from the PATH or from where Debian installs it.
- "none": no server. Tests that need it are skipped.
- unset: the server on the usual port of this machine if one answers, else as "start".

MULTISESSION_REQUIRE_SERVERS=1 makes a missing server an error instead of skipped tests.
"""

from __future__ import annotations

import atexit
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache, cached_property
from glob import glob
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit
from zlib import crc32

import psycopg
import pymysql
import pytest

pymysql.install_as_MySQLdb()

DEADLINE = 60  # seconds for a server to come up
HOST = "127.0.0.1"


class Server(ABC):
    """A kind of database server."""

    alias: str
    engine: str
    charset: str  # of the test database
    user: str  # the administrator of a server that runs on this machine or is started by the tests
    port: int  # the usual one
    binaries: str  # the folder of Debian's binaries that are not on the PATH
    death = signal.SIGKILL
    list_databases: str  # SQL

    @property
    def variable(self) -> str:
        """The environment variable that chooses the server."""
        return f"MULTISESSION_{self.alias.upper()}_URL"

    def find(self) -> dict[str, Any] | None:
        """Return the server's entry of DATABASES, or None if there is no server."""
        url = os.environ.get(self.variable, "")
        if url == "none":
            return None
        if url and url != "start":
            parts = urlsplit(url)
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            return self._entry(parts.hostname or HOST, parts.port or self.port, user, password)
        if not url and self._answers(self.port):
            return self._entry(HOST, self.port, self.user, "")
        return self._started()

    def drop_stale(self, entry: dict[str, Any]) -> None:
        """Drop the test databases that killed runs of this machine have left on the server."""
        with closing(self._open(entry)) as connection, connection.cursor() as cursor:
            cursor.execute(self.list_databases)
            for (name,) in cursor.fetchall():
                if is_stale(name):
                    with suppress(psycopg.Error, pymysql.Error):  # another run may drop it, too
                        cursor.execute(f"DROP DATABASE IF EXISTS {name}")

    def _entry(self, host: str, port: int, user: str, password: str) -> dict[str, Any]:
        return {
            "ENGINE": f"django.db.backends.{self.engine}",
            "NAME": "multisession",
            "HOST": host,
            "PORT": port,
            "USER": user,
            "PASSWORD": password,
            # DEPENDENCIES: by default Django creates "default" in the same call.
            "TEST": {"NAME": database_name(), "CHARSET": self.charset, "DEPENDENCIES": []},
        }

    def _answers(self, port: int) -> bool:
        try:
            self._connect(port)
        except (psycopg.Error, pymysql.Error):
            return False
        return True

    def _started(self) -> dict[str, Any] | None:
        instance = Instance(self)
        try:
            instance.start()
        except FileNotFoundError:
            instance.remove()
            return None
        atexit.register(instance.remove)
        return instance.entry

    def _binary(self, name: str) -> str:
        folders = os.pathsep.join([os.environ["PATH"], *sorted(glob(self.binaries))])
        if path := shutil.which(name, path=folders):
            return path
        raise FileNotFoundError(name)

    @abstractmethod
    def _connect(self, port: int) -> object:
        """Connect to the server on this machine, and close the connection."""

    @abstractmethod
    def _open(self, entry: dict[str, Any]) -> Any:
        """Return a connection, in autocommit mode, to the server of this entry of DATABASES."""

    @abstractmethod
    def _prepare(self, folder: Path) -> list[object]:
        """Return the command that makes an empty data directory."""

    @abstractmethod
    def _serve(self, folder: Path, port: int) -> list[object]:
        """Return the command that serves the data directory."""


def database_name() -> str:
    """Return the name of this process's test databases, so that several runs may share a server.

    Its parts: the tox environment, the machine, and the process's id. See is_stale().
    """
    environment = os.environ.get("TOX_ENV_NAME", "tests").replace("-", "_").replace(".", "_")
    return f"test_multisession_{environment}_{_machine()}_{os.getpid()}"


def is_stale(name: str) -> bool:
    """Return whether a database of this name belongs to a dead test process of this machine."""
    match = re.match(rf"test_multisession_\w+_{_machine()}_(\d+)(_[a-z]+)?$", name)
    if match is None:
        return False
    try:
        os.kill(int(match[1]), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


@cache
def _machine() -> str:
    """Return six hexadecimal digits for the host and the namespace of its process ids.

    Two containers may share a server, and each has its own process 17.
    """
    namespace = Path("/proc/self/ns/pid")  # on Linux
    inode = namespace.stat().st_ino if namespace.exists() else 0
    return f"{crc32(f'{socket.gethostname()} {inode}'.encode()):08x}"[:6]


class Process:
    """A server that the tests start, with a temporary folder. They can kill it."""

    def __init__(self, kind: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"multisession-{kind}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.nodes = [self]  # some servers are several processes

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Instance(Process):
    """A database server that the tests start. After kill(), they can start it again."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.alias)
        self.server = server
        self.entry = server._entry(HOST, self.port, server.user, "")

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(self.server.death)
            self.process.wait()

    def start(self) -> None:
        """Start the server, and wait until it answers.

        Raises FileNotFoundError if it is not installed, RuntimeError with its log if it fails.
        """
        if not (self.folder / "data").exists():
            _run(self.server._prepare(self.folder), self.folder).wait(DEADLINE)
        self.process = _run(self.server._serve(self.folder, self.port), self.folder)
        deadline = time.monotonic() + DEADLINE
        while not self.server._answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.server.alias}: {(self.folder / 'log').read_text()}")
            time.sleep(0.05)


class Postgres(Server):
    alias, engine, charset = "postgres", "postgresql", "UTF8"
    user, port = "postgres", 5432
    binaries = "/usr/lib/postgresql/*/bin"
    death = signal.SIGQUIT  # at once, with its children; those of a killed one may answer once more
    list_databases = "SELECT datname FROM pg_database"

    def _connect(self, port: int) -> object:
        return psycopg.connect(host=HOST, port=port, user=self.user, connect_timeout=3).close()

    def _open(self, entry: dict[str, Any]) -> Any:
        return psycopg.connect(**_account(entry), dbname="postgres", autocommit=True)

    def _prepare(self, folder: Path) -> list[object]:
        initdb = self._binary("initdb")
        options = ["-U", self.user, "-A", "trust", "--no-sync", "--no-locale", "-E", self.charset]
        return [initdb, "-D", folder / "data", *options]

    def _serve(self, folder: Path, port: int) -> list[object]:
        options = ["-D", folder / "data", "-h", HOST, "-p", port, "-k", folder]
        return [self._binary("postgres"), *options]


class MariaDB(Server):
    alias, engine, charset = "mariadb", "mysql", "utf8mb4"
    user, port = "root", 3306
    binaries = "/usr/sbin"
    list_databases = "SHOW DATABASES"

    def _connect(self, port: int) -> object:
        return pymysql.connect(host=HOST, port=port, user=self.user, connect_timeout=3).close()

    def _open(self, entry: dict[str, Any]) -> Any:
        return pymysql.connect(**_account(entry), autocommit=True)

    def _prepare(self, folder: Path) -> list[object]:
        options = [f"--datadir={folder}/data", "--auth-root-authentication-method=normal"]
        return [self._binary("mariadb-install-db"), "--no-defaults", *options]

    def _serve(self, folder: Path, port: int) -> list[object]:
        options = [f"--bind-address={HOST}", f"--port={port}", f"--socket={folder}/socket"]
        options += [f"--datadir={folder}/data", f"--pid-file={folder}/pid"]
        options += [f"--character-set-server={self.charset}"]
        return [self._binary("mariadbd"), "--no-defaults", *options]


REQUIRED = os.environ.get("MULTISESSION_REQUIRE_SERVERS") == "1"


def _account(entry: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of connect(), for psycopg and for pymysql."""
    names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    return {argument: entry[name] for argument, name in names.items()} | {"connect_timeout": 10}


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it under MULTISESSION_REQUIRE_SERVERS=1."""
    if REQUIRED:
        pytest.fail(f"no {what}, and MULTISESSION_REQUIRE_SERVERS=1 requires it")
    pytest.skip(f"no {what}")


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition is true; raise RuntimeError after DEADLINE."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {DEADLINE} seconds")
        time.sleep(0.02)


@contextmanager
def running(server: Any) -> Iterator[Any]:
    """Start the server, and remove all its nodes at the end of the ``with`` block."""
    server.start()
    try:
        yield server
    finally:
        for node in server.nodes:
            node.remove()


class Lazily:
    """A server that starts when its URL is first read."""

    def __init__(self, server: Any) -> None:
        self.server = server

    @cached_property
    def url(self) -> str:
        self.server.start()
        return str(self.server.url)


def free_port() -> int:
    """Return a TCP port that nobody listens on, and that no other test process gets.

    The UDP port of the same number, which stays bound until this process ends, reserves it. The
    ports lie below those that Linux gives to clients (from 32768), so that none of them takes it.
    """
    while True:
        port = 10000 + secrets.randbelow(22000)  # `random` is seeded alike in every process
        with socket.socket() as server, socket.socket(type=socket.SOCK_DGRAM) as reservation:
            try:
                server.bind((HOST, port))
                reservation.bind((HOST, port))
            except OSError:
                continue
            reservation.detach()
            return port


def _run(command: list[object], folder: Path) -> subprocess.Popen[bytes]:
    """Start the command. As root, run it as an ordinary user: database servers refuse root."""
    user = _ordinary_user() if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    with (folder / "log").open("ab") as log:
        words = [str(word) for word in command]
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=folder, user=user)


def _ordinary_user() -> str:
    """Return a user other than root, one of those that databases' packages create first."""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "mysql", "nobody") if name in known)
