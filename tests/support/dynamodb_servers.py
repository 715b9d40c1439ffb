"""Servers that speak DynamoDB's protocol over HTTP, which the tests start: moto and dynalite.

Neither is DynamoDB. moto has transactions, and accepts requests that DynamoDB refuses; dynalite
refuses them, and has no transactions. tests/storage/dynamodb/test_servers.py asserts the
differences. dynalite is looked up in MULTISESSION_DYNALITE, on the PATH and in the checkout's
node_modules (npm install dynalite@4).
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from support.servers import HOST, Lazily, Process, missing, wait_until

CHECKOUT = Path(__file__).parents[2]
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}  # both accept any


def isolate() -> None:
    """Hide this machine's AWS credentials and proxies from this process and from its children."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    files = dict.fromkeys(["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"], os.devnull)
    os.environ.update(files, AWS_EC2_METADATA_DISABLED="true")
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST, "localhost"]))


isolate()


class Node(Process):
    """A server process. It can be killed, and started again on its port."""

    def __init__(self) -> None:
        super().__init__(type(self).__name__.lower())
        atexit.register(self.remove)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        """The value of MULTISESSION_DYNAMODB_OPTIONS: arguments of boto3.client()."""
        return {"region_name": "eu-central-1", "endpoint_url": self.url, **KEYS}

    def start(self) -> None:
        words = [str(word) for word in self._command()]
        # Without PYTHONWARNINGS and PYTHONDEVMODE: the server's warnings are not ours, and the
        # development mode doubles the time.
        outer = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=outer)
        wait_until(self._answers, f"{type(self).__name__} on port {self.port}")

    def _answers(self) -> bool:
        """Return whether the server answers a real request. moto's first answer takes a second."""
        try:
            with closing(connect(self)) as client:
                return bool(client.list_tables())
        except BotoCoreError:
            assert self.process
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "log").read_text()) from None
            return False

    def _command(self) -> list[object]:
        raise NotImplementedError


class Moto(Node):
    """moto's server. It loses its data when it is killed."""

    def _command(self) -> list[object]:
        serve = Path(__file__).with_name("moto_server.py")
        return [sys.executable, serve, "--host", HOST, "--port", self.port]


class Dynalite(Node):
    """dynalite. It keeps its data when it is killed."""

    def _command(self) -> list[object]:
        """Return the command. If dynalite is not installed, skip the test: see missing()."""
        if not shutil.which("node"):
            missing("node")
        at_once = [f"--{verb}TableMs=0" for verb in ("create", "delete", "update")]
        place = ["--host", HOST, "--port", self.port, "--path", self.folder / "data"]
        return [self._binary() or missing("dynalite"), *place, *at_once]

    def _binary(self) -> str | None:
        if named := os.environ.get("MULTISESSION_DYNALITE"):
            return shutil.which(named)
        places = [os.environ.get("PATH", ""), str(CHECKOUT / "node_modules/.bin")]
        return shutil.which("dynalite", path=os.pathsep.join(places))


class LazyNode(Lazily):
    """A server that starts when its URL or its options are first read."""

    @property
    def options(self) -> dict[str, str]:
        return {**self.server.options, "endpoint_url": self.url}


def connect(server: Any, **config: Any) -> Any:
    """Return a boto3 client that makes one attempt. The caller closes it."""
    once = Config(retries={"total_max_attempts": 1}).merge(Config(**config))
    return boto3.client("dynamodb", **server.options, config=once)


MOTO, DYNALITE = LazyNode(Moto()), LazyNode(Dynalite())
NODES = {"moto": MOTO, "dynalite": DYNALITE}
SERVERS = ["moto", pytest.param("dynalite", marks=pytest.mark.thorough)]
