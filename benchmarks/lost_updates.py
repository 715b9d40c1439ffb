"""How many of 32 concurrent changes does a session keep? Django's engines and ours.

usage: lost_updates.py

32 threads load one session, wait for each other, set a field of their own and save.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from contests import Engine, contests
from django.db import connections

THREADS = 32


def kept(engine: Engine) -> int:
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
    print(f"kept of {THREADS}")
    for contest in contests():
        counts = [f"{name} {kept(engine):2}" for name, engine in contest.engines.items()]
        print(f"{contest.name:12}{'    '.join(counts)}")


if __name__ == "__main__":
    main()
