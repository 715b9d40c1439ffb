"""How many bytes does Redis need for a session, its place in a bucket and in the index included?

usage: memory.py [--sessions 20000]

Of people who are logged in, one session each. On a server that keeps a hash compact while none of
its values is longer than 64 bytes (hash-max-listpack-value, by default), and on one with 256.
"""

from __future__ import annotations

import argparse
from typing import Any

import project
import redis_servers
from contests import OURS, Engine

LIMITS = (64, 256)
ADDRESS = "192.0.2.17"
USER_AGENT = (  # 110 characters, which is usual
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/142.0.0.0 Safari/537.36"
)


def log_in(store: Any, number: int) -> None:
    """Store what Django's login leaves in a session."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from django_multisession.core.client import Client

    session = store()
    session.describe_client = lambda: Client(ADDRESS, USER_AGENT)
    session[SESSION_KEY] = str(number)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = f"{number:064x}"
    session.save()


def bytes_each(limit: int, sessions: int) -> float:
    """By what the server grows."""
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
