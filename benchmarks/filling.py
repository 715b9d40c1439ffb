"""Bulk creation of sessions in every storage. They are stored exactly as `insert` stores them.

Every run creates the same sessions, with 400 different user agents. All were active in the last
month, one in seven within the last two hours. A session expires after 31 days without activity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import chain, islice
from random import Random
from typing import Any

import project  # noqa: F401 - sets the import paths

BATCH = 1000  # sessions
NOW = datetime.now(timezone.utc)
FACTS: dict[str, Any] = {
    "created_at": NOW,
    "last_seen_at": NOW,
    "expires_at": NOW + timedelta(days=14),
    "ip": "192.0.2.1",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
}
TEXTS = {
    "_auth_user_id": '"1"',
    "_auth_user_backend": '"django.contrib.auth.backends.ModelBackend"',
    "_auth_user_hash": f'"{"0" * 64}"',
}
FIELDS = {name: text.encode() for name, text in TEXTS.items()}
ANONYMOUS = {"cart": b"[1, 2, 3]", "language": b'"en"'}

MONTH, LIFETIME = timedelta(days=30), timedelta(days=31)
LINUX, WINDOWS, MAC, ANDROID, IPHONE = (
    "X11; Linux x86_64",
    "Windows NT 10.0; Win64; x64",
    "Macintosh; Intel Mac OS X 10_15_7",
    "Linux; Android 10; K",
    "iPhone; CPU iPhone OS 18_6 like Mac OS X",
)
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
BROWSERS = [
    f"Mozilla/5.0 ({ANDROID}) {WEBKIT} Chrome/{{0}}.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 ({WINDOWS}) {WEBKIT} Chrome/{{0}}.0.0.0 Safari/537.36",
    f"Mozilla/5.0 ({IPHONE}) {WEBKIT} Version/18.{{0}} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 ({WINDOWS}) {WEBKIT} Chrome/{{0}}.0.0.0 Safari/537.36 Edg/{{0}}.0.0.0",
    f"Mozilla/5.0 ({MAC}) {WEBKIT} Version/18.{{0}} Safari/605.1.15",
    f"Mozilla/5.0 ({LINUX}; rv:{{0}}.0) Gecko/20100101 Firefox/{{0}}.0",
    f"Mozilla/5.0 ({MAC}; rv:{{0}}.0) Gecko/20100101 Firefox/{{0}}.0",
    "python-requests/2.{0}",
]
# Sorted by frequency: the first ones are used most.
USER_AGENTS = [browser.format(version) for version in range(145, 95, -1) for browser in BROWSERS]


def batches(
    users: Iterable[str | None], first: int = 0
) -> Iterator[list[tuple[str, str | None, dict[str, Any]]]]:
    """Iterate over batches of ids, users (None: anonymous) and facts.

    ``first`` is the number of the first session, that is, how many exist already.
    """
    from django_multisession.core.keys import hash_key

    random, numbered = Random(first), enumerate(users, first)
    while batch := [*islice(numbered, BATCH)]:
        yield [(hash_key(f"session {number}"), user, facts(random)) for number, user in batch]


def facts(random: Random) -> dict[str, Any]:
    """Return random facts of a session. Cubes make small numbers more likely than large ones."""
    seen = NOW - random.random() ** 3 * MONTH
    return {
        "created_at": seen - random.random() * MONTH,
        "last_seen_at": seen,
        "expires_at": seen + LIFETIME,
        "ip": f"198.18.{random.randrange(256)}.{random.randrange(256)}",
        "user_agent": USER_AGENTS[int(random.random() ** 3 * len(USER_AGENTS))],
    }


def record_of(user: str | None, facts: dict[str, Any]) -> Any:
    from django_multisession.core.record import Record

    if user is None:
        return Record(**facts, fields=ANONYMOUS)
    return Record(**facts, fields=FIELDS, references={"user": user})


def fill_table(storage: Any, users: Iterable[str | None], first: int = 0) -> None:
    """Insert rows in batches of BATCH. COPY takes a fraction of the time on PostgreSQL."""
    from django_multisession.storage.db.encoding import to_row

    connection = storage._writer
    is_postgres = connection.django_connection.vendor == "postgresql"
    write = copy_rows if is_postgres else insert_rows
    for batch in batches(users, first):
        write(
            connection, [to_row(id, record_of(*each), connection.to_db_time) for id, *each in batch]
        )
    if is_postgres:  # autovacuum would do so soon
        connection.django_connection.cursor().execute("ANALYZE")


def copy_rows(connection: Any, rows: Sequence[dict[str, Any]]) -> None:
    into = f"COPY {connection.statements.sessions} ({', '.join(rows[0])}) FROM STDIN"
    with connection.django_connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row([*row.values()])


def insert_rows(connection: Any, rows: Sequence[dict[str, Any]]) -> None:
    with connection.atomic(), connection.django_connection.cursor() as cursor:
        insert = connection.statements.insert(connection.statements.sessions, rows[0])
        cursor.executemany(insert, [[*row.values()] for row in rows])


def fill_redis(storage: Any, users: Iterable[str | None], first: int = 0) -> None:
    """Send the commands of `insert`, BATCH sessions in one round trip."""
    for batch in batches(users, first):
        plans = [storage._prepare_insert(id, record_of(user, facts)) for id, user, facts in batch]
        storage.connection.run_all(list(chain(*(entries for entries, _ in plans))))
        storage.connection.run_all([insert for _, insert in plans])


def fill_dynamodb(storage: Any, users: Iterable[str | None], first: int = 0) -> None:
    """Put sessions and index entries with BatchWriteItem. Create the table if ``first`` is 0."""
    from django_multisession.storage.dynamodb.connection import WRITE_BATCH, chunks

    if not first:
        make_table(storage)
    for batch in batches(users, first):
        puts = [{"PutRequest": {"Item": item}} for row in batch for item in items_of(*row)]
        storage.connection.map(lambda requests: put(storage, requests), chunks(puts, WRITE_BATCH))


def put(storage: Any, requests: Sequence[Any]) -> None:
    storage.connection.call("batch_write_item", {"RequestItems": {storage.table.name: requests}})


def make_table(storage: Any) -> None:
    from django_multisession.storage.dynamodb.table_spec import TableSpec, request
    from support.servers import wait_until
    from support.subjects import is_active

    storage.connection.call("create_table", request(storage.table.name, TableSpec()))
    wait_until(lambda: is_active(storage, storage.table.name), "table")


def items_of(id: str, user: str | None, facts: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from django_multisession.storage.dynamodb import encoding

    bound = encoding.new_bound(facts["expires_at"], NOW)
    yield encoding.to_item(id, record_of(user, facts), bound, "0" * 16)
    if user is not None:
        yield encoding.index_entry(id, "user", user, bound)
