"""Count how many of 32 concurrent changes a session keeps with each engine.

usage: lost_updates.py

32 threads load the same session, wait for each other, set a different field each, and save.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from comparisons import Engine, comparisons
from django.db import connections

THREADS = 32


def count_kept(engine: Engine) -> int:
    """Run the threads and return how many of their fields are stored afterwards."""
    store = engine.store()
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
    print(f"fields kept, of {THREADS}")
    for comparison in comparisons():
        counts = [f"{name} {count_kept(engine):2}" for name, engine in comparison.engines.items()]
        print(f"{comparison.name:12}{'    '.join(counts)}")


if __name__ == "__main__":
    main()
