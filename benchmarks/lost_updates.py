"""How many of 32 concurrent changes does a session keep? Django's db engine and ours.

usage: lost_updates.py

32 threads load one session, wait for each other, set a field of their own and save.
"""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import project
from django.db import connections
from django.test import override_settings
from lifecycle import ENGINES, Router

THREADS = 32


def kept(store: Any) -> int:
    session = store()
    session.save()
    barrier = threading.Barrier(THREADS)

    def request(number: int) -> None:
        holder = store(session.session_key)
        holder.get("anything")
        barrier.wait()
        holder[f"field {number}"] = number
        holder.save()
        connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(request, range(THREADS)))
    return len(store(session.session_key).keys())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, project.databases(Path(folder)) as aliases:
        print(f"{'kept of 32':12}{'django':>8}{'ours':>8}")
        for alias in aliases:
            with override_settings(DATABASE_ROUTERS=[Router(alias)]):
                counts = [kept(import_module(e).SessionStore) for e, _ in ENGINES.values()]
            print(f"{alias:12}{counts[0]:8}{counts[1]:8}")


if __name__ == "__main__":
    main()
