"""How long does the session browser take: among few sessions, and among very many?

usage: admin.py [--sessions 1000000] [--rounds 15] [engine ...]

On every server there is, or on those that are named (postgres, redis, dynalite, ...). Pages of the
admin, asked for by Django's test client: the list, its next page, and a search for a user who has
10 sessions. Among 1,000 sessions, which the list shows all; among 2,000, of which it shows a page
and a sample; and among that many. For each page the median time, and how often the server was
asked. Then the ratios of the last time to the first two, which should be 3 at most, and the same
for the processor time of this process, which depends less on what else the machine does. That is
also told by the index of the admin, which shows no session: its ratios should be 1.

Last, how far the estimated number of sessions is off: the median and the worst. Not for DynamoDB:
dynalite does not count its items, and moto scans them in the order in which they were made. There
are 100,000 sessions at most then.
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
from contests import Router
from log_out_everywhere import Place, places, site

LISTED, LARGE = 1000, 2000  # sessions: as many as the list shows all, and more
MOST = {"dynamodb": 100_000}
VISITOR, VISITS = "visitor", 10
PEOPLE = 1000  # with whom the visitor shares the site, however many sessions there are
WARM_UP = 2  # rounds


class Look(NamedTuple):
    """At a page."""

    seconds: float
    busy: float  # seconds of the processor
    asked: int = 0  # how often the server was


Column = dict[str, Look]  # by page


def chosen(places: Iterator[Place], names: Sequence[str]) -> Iterator[Place]:
    """Those that are named, or all. No server starts after the last of them."""
    left = {*names}
    for place in places:
        if not names or place.name in left:
            yield at_home(place)
        left.discard(place.name)
        if names and not left:
            return
    if left:
        print(f"\nThere is no server for {', '.join(sorted(left))}.", file=sys.stderr)


def at_home(place: Place) -> Place:
    """Users are where sessions are, if that is a database."""
    routers = [Router(place.name)] if place.backend == "db" and place.name != "sqlite" else []
    settings = {**place.settings, "DATABASE_ROUTERS": routers}
    return place._replace(settings=settings, most=MOST.get(place.backend, place.most))


def ensure_people() -> tuple[Any, Any]:
    """Who looks, and who is looked for. Engines may share a database."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    model, names = users.model, [VISITOR, *(f"person {number}" for number in range(PEOPLE))]
    boss = model(username="boss", is_staff=True, is_superuser=True)
    users.bulk_create([boss, *(model(username=name) for name in names)], ignore_conflicts=True)
    return users.get(username="boss"), users.get(username=VISITOR)


def strangers(visitor: int, first: int, end: int) -> Iterator[str | None]:
    """Whose each session is: 3 of 10 are nobody's."""
    for number in range(first, end):
        yield str(visitor + 1 + number % PEOPLE) if number % 10 >= 3 else None


def measure(place: Place, sessions: int, rounds: int) -> None:
    """The first session is that of who looks."""
    from django.test import Client

    sizes = [LISTED, LARGE, max(LARGE, min(sessions, place.most))]
    with site(place) as storage:
        boss, visitor = ensure_people()
        place.fill(storage, [str(visitor.pk)] * VISITS)
        client, there, columns = Client(), VISITS + 1, []
        client.force_login(boss)
        for size in sizes:
            place.fill(storage, strangers(visitor.pk, there, size), there)
            columns.append(looked(place, storage, client, rounds))
            there = size
        report(place, sizes, columns)
        if place.backend != "dynamodb":
            estimate(there, rounds)


def looked(place: Place, storage: Any, client: Any, rounds: int) -> Column:
    urls, looks = pages(client), {}
    for _ in range(WARM_UP + rounds):  # pages take turns
        for name, url in urls.items():
            looks.setdefault(name, []).append(look(client, url))
    column = {}
    for name, url in urls.items():
        seconds, busy, _ = zip(*looks[name][WARM_UP:], strict=True)
        with place.counted(storage) as count:  # by itself: to count takes time
            look(client, url)
            column[name] = Look(median(seconds), median(busy), count())
    return column


def pages(client: Any) -> dict[str, str]:
    from django.urls import reverse

    index = reverse("admin:index")
    first = reverse("admin:django_multisession_session_changelist")
    changelist = client.get(first).context_data["cl"]
    following = first + (changelist.next_page or "?p=2")  # numbered, where all are at hand
    search = f"{first}?q={VISITOR}"
    assert len(client.get(search).context_data["cl"].result_list) == VISITS
    return {"index": index, "list": first, "next page": following, "search": search}


def look(client: Any, url: str) -> Look:
    start, processor = time.perf_counter(), time.process_time()
    answer = client.get(url)
    taken = Look(time.perf_counter() - start, time.process_time() - processor)
    assert answer.status_code == 200, answer.status_code
    return taken


def report(place: Place, sizes: Sequence[int], columns: Sequence[Column]) -> None:
    titles = "".join(f"{size:>12,}{'asked':>6}" for size in sizes)
    print(f"\n{place.name:10}{titles}{'ratios':>12}{'processor':>12}")
    for name in columns[0]:
        looks = [column[name] for column in columns]
        cells = "".join(f"{look.seconds * 1e3:9.1f} ms{look.asked:6}" for look in looks)
        seconds, busy = (ratios(column) for column in [*zip(*looks, strict=True)][:2])
        print(f"{name:10}{cells}{seconds}{busy}", flush=True)


def ratios(values: Sequence[float]) -> str:
    """Of the last to the others."""
    *others, last = values
    return "".join(f"{last / each:6.1f}" for each in others)


def estimate(there: int, rounds: int) -> None:
    from django_multisession import sessions

    errors = [abs(sessions.sample()[1] / there - 1) for _ in range(rounds)]
    print(f"estimates are off by {median(errors):.1%}, by {max(errors):.1%} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=1_000_000, help=f"{LARGE} or more")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("engines", nargs="*")
    arguments = parser.parse_args()
    if arguments.sessions < LARGE:
        parser.error(f"--sessions must be at least {LARGE}")
    with project.databases() as aliases, ExitStack() as servers:
        engines = chosen(places(aliases, servers), arguments.engines)
        measured = [measure(place, arguments.sessions, arguments.rounds) for place in engines]
    if not measured:
        parser.exit(1)


if __name__ == "__main__":
    main()
