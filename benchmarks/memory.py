"""Measure how many bytes a session takes in Redis, including its bucket and index entries.

usage: memory.py [--sessions 20000]

Every session belongs to a different logged-in user. Redis stores a hash compactly if none of its
values is longer than hash-max-listpack-value. The script measures its default, 64 bytes, and 256.
"""

from __future__ import annotations

import argparse
from typing import Any

import project
from comparisons import OURS, Engine

from support import redis_servers

LIMITS = (64, 256)
IP = "192.0.2.17"
USER_AGENT = (  # 110 characters, a usual length
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


def log_in(store: Any, number: int) -> None:
    """Store what Django's login leaves in a session."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from django_multisession.core.client import Client

    session = store()
    session.describe_client = lambda: Client(IP, USER_AGENT)
    session[SESSION_KEY] = str(number)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = f"{number:064x}"
    session.save()


def bytes_each(limit: int, sessions: int) -> float:
    """Return by how many bytes the memory of the server grows for each session."""
    server = redis_servers.Node("--hash-max-listpack-value", limit)
    server.start()
    store = Engine(OURS, "redis", {"MULTISESSION_REDIS_URL": server.url}).store()
    before = used(server)
    for number in range(sessions):
        log_in(store, number)
    grown = used(server) - before
    server.remove()
    return grown / sessions


def used(server: redis_servers.Node) -> int:
    memory: dict[str, int] = server.client.info("memory")
    return memory["used_memory"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=20_000)
    sessions = parser.parse_args().sessions
    if not project.REDIS:
        parser.exit(message="Redis is not installed.\n")
    project.django.setup()
    print(f"{'limit':>8}{'bytes':>10}{'ratio':>8}")
    needs = [bytes_each(limit, sessions) for limit in LIMITS]
    for limit, need in zip(LIMITS, needs, strict=True):
        print(f"{limit:8}{need:10.0f}{need / needs[0]:8.2f}")


if __name__ == "__main__":
    main()
