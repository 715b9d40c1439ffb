"""Measure the pages of the session browser in the admin with few sessions and with very many.

usage: admin.py [--sessions 1000000] [--rounds 15] [engine ...]

Run on every server that is installed, or on the named ones (postgres, redis, dynalite, ...).
Django's test client requests the list, its next page, and a search for a user with 10 sessions:

- with 1,000 sessions, which is about as many as the list sorts and counts in memory;
- with 2,000, of which the list shows one page and a sample;
- with as many as --sessions says, at most 100,000 on DynamoDB.

For each page, print the median time and the number of round trips ("asked"). The ratios are those
of the last time to the first two and should be 3 at most. The same ratios of the processor time of
this process depend less on other work of the machine. The index of the admin, which shows no
sessions, is measured too; its ratios should be 1.

Last, print the median and the maximum error of the estimated number of sessions. DynamoDB is left
out: dynalite does not count its items, and moto scans them in the order in which they were created.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any, NamedTuple

import project
from comparisons import Router
from log_out_everywhere import Target, site, targets

LISTED, LARGE = 1000, 2000  # sessions: about as many as the list sorts in memory, and more
MAX_SESSIONS = {"dynamodb": 100_000}
VISITOR, VISITS = "visitor", 10
PEOPLE = 1000  # other users, for any number of sessions
WARM_UP = 2  # rounds


class Measurement(NamedTuple):
    """The cost of one page, or the medians of several requests."""

    seconds: float
    busy: float  # seconds of processor time
    asked: int = 0  # round trips


Column = dict[str, Measurement]  # by page


def select_targets(targets: Iterator[Target], names: Sequence[str]) -> Iterator[Target]:
    """Iterate over the named targets, or all. No server starts after the last named one."""
    left = {*names}
    for target in targets:
        if not names or target.name in left:
            yield with_users(target)
        left.discard(target.name)
        if names and not left:
            return
    if left:
        print(f"\nNo server is installed for {', '.join(sorted(left))}.", file=sys.stderr)


def with_users(target: Target) -> Target:
    """Put users into the database that sessions are in."""
    routers = [Router(target.name)] if target.backend == "db" and target.name != "sqlite" else []
    settings = {**target.settings, "DATABASE_ROUTERS": routers}
    return target._replace(
        settings=settings, max_sessions=MAX_SESSIONS.get(target.backend, target.max_sessions)
    )


def create_users() -> tuple[Any, Any]:
    """Return the administrator and the user to search for. Create all users if necessary."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    model, names = users.model, [VISITOR, *(f"person {number}" for number in range(PEOPLE))]
    administrator = model(username="boss", is_staff=True, is_superuser=True)
    users.bulk_create(
        [administrator, *(model(username=name) for name in names)], ignore_conflicts=True
    )
    return users.get(username="boss"), users.get(username=VISITOR)


def user_of_each(visitor: int, first: int, end: int) -> Iterator[str | None]:
    """Iterate over the user of each session. 3 of 10 sessions are anonymous."""
    for number in range(first, end):
        yield str(visitor + 1 + number % PEOPLE) if number % 10 >= 3 else None


def measure(target: Target, sessions: int, rounds: int) -> None:
    """Measure one target. The first session is that of the administrator."""
    from django.test import Client

    sizes = [LISTED, LARGE, max(LARGE, min(sessions, target.max_sessions))]
    with site(target) as storage:
        administrator, visitor = create_users()
        target.fill(storage, [str(visitor.pk)] * VISITS)
        client, filled, columns = Client(), VISITS + 1, []
        client.force_login(administrator)
        for size in sizes:
            target.fill(storage, user_of_each(visitor.pk, filled, size), filled)
            columns.append(measure_pages(target, storage, client, rounds))
            filled = size
        report(target, sizes, columns)
        if target.backend != "dynamodb":
            estimate(filled, rounds)


def measure_pages(target: Target, storage: Any, client: Any, rounds: int) -> Column:
    urls, looks = pages(client), {}
    for _ in range(WARM_UP + rounds):  # pages take turns
        for name, url in urls.items():
            looks.setdefault(name, []).append(request(client, url))
    column = {}
    for name, url in urls.items():
        seconds, busy, _ = zip(*looks[name][WARM_UP:], strict=True)
        with target.counted(storage) as count:  # not while timing, because counting takes time
            request(client, url)
            column[name] = Measurement(median(seconds), median(busy), count())
    return column


def pages(client: Any) -> dict[str, str]:
    from django.urls import reverse

    index = reverse("admin:index")
    first = reverse("admin:django_multisession_session_changelist")
    changelist = client.get(first).context_data["cl"]
    # Pages have numbers instead of cursors if the list holds all sessions.
    following = first + (changelist.next_page or "?p=2")
    search = f"{first}?q={VISITOR}"
    assert len(client.get(search).context_data["cl"].result_list) == VISITS
    return {"index": index, "list": first, "next page": following, "search": search}


def request(client: Any, url: str) -> Measurement:
    start, processor = time.perf_counter(), time.process_time()
    response = client.get(url)
    taken = Measurement(time.perf_counter() - start, time.process_time() - processor)
    assert response.status_code == 200, response.status_code
    return taken


def report(target: Target, sizes: Sequence[int], columns: Sequence[Column]) -> None:
    titles = "".join(f"{size:>12,}{'asked':>6}" for size in sizes)
    print(f"\n{target.name:10}{titles}{'ratios':>12}{'processor':>12}")
    for name in columns[0]:
        costs = [column[name] for column in columns]
        cells = "".join(f"{cost.seconds * 1e3:9.1f} ms{cost.asked:6}" for cost in costs)
        seconds, busy = (ratios(column) for column in [*zip(*costs, strict=True)][:2])
        print(f"{name:10}{cells}{seconds}{busy}", flush=True)


def ratios(values: Sequence[float]) -> str:
    """Return the ratios of the last value to the others."""
    *others, last = values
    return "".join(f"{last / value:6.1f}" for value in others)


def estimate(total: int, rounds: int) -> None:
    from django_multisession import sessions

    errors = [abs(sessions.sample()[1] / total - 1) for _ in range(rounds)]
    print(f"error of the estimates: median {median(errors):.1%}, maximum {max(errors):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_000_000, help=f"{LARGE} or more")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("engines", nargs="*")
    arguments = parser.parse_args()
    if arguments.sessions < LARGE:
        parser.error(f"--sessions must be at least {LARGE}")
    with project.databases() as aliases, ExitStack() as servers:
        engines = select_targets(targets(aliases, servers), arguments.engines)
        measured = [measure(target, arguments.sessions, arguments.rounds) for target in engines]
    if not measured:
        parser.exit(1)


if __name__ == "__main__":
    main()
