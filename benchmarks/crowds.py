"""Many sessions of many users, put into every storage in batches: by what `insert` would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from itertools import chain
from typing import Any

import project  # noqa: F401 - the paths
from django.db import connections

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


def batches(users: Sequence[str], first: int = 0) -> Iterator[list[tuple[str, str]]]:
    """Ids with their users. ``first``: how many there are already."""
    from django_multisession.keys import handle_of

    pairs = [(handle_of(f"session {first + number}"), user) for number, user in enumerate(users)]
    return (pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH))


def fill_table(storage: Any, users: Sequence[str], first: int = 0) -> None:
    """By the model, a thousand rows a statement."""
    from django_multisession.models import Session

    facts = {**FACTS, "purge_at": FACTS["expires_at"] + timedelta(hours=1), "data": TEXTS}
    for batch in batches(users, first):
        rows = [Session(handle=id, user_ref=user, **facts) for id, user in batch]
        Session.objects.using(storage.database).bulk_create(rows)
    connection = connections[storage.database]
    if connection.vendor == "postgresql":  # as its daemon does before long
        connection.cursor().execute("ANALYZE")


def fill_redis(storage: Any, users: Sequence[str], first: int = 0) -> None:
    """What `insert` sends, a thousand times in one round trip."""
    from django_multisession.record import Record

    for batch in batches(users, first):
        records = [(id, Record(**FACTS, fields=FIELDS, references={"user": u})) for id, u in batch]
        plans = [storage._plan_insert(id, record) for id, record in records]
        storage._link.run_all(list(chain(*(first for first, _ in plans))))
        storage._link.run_all([insert for _, insert in plans])


def fill_dynamodb(storage: Any, users: Sequence[str], first: int = 0) -> None:
    """A session and its entry for each, by the batches that DynamoDB takes. Makes the table."""
    from django_multisession.storage.dynamodb.link import BATCH, chunks

    if not first:
        make_table(storage)
    table = storage.table.name
    kept = (item for batch in batches(users, first) for each in batch for item in items_of(*each))
    for puts in chunks([{"PutRequest": {"Item": item}} for item in kept], BATCH):
        storage._link.call("batch_write_item", {"RequestItems": {table: puts}})


def make_table(storage: Any) -> None:
    from django_multisession.storage.dynamodb.plan import Plan, request
    from servers import wait_until
    from subjects import is_active

    storage._link.call("create_table", request(storage.table.name, Plan()))
    wait_until(lambda: is_active(storage, storage.table.name), "table")


def items_of(id: str, user: str) -> Iterator[dict[str, Any]]:
    from django_multisession.record import Record
    from django_multisession.storage.dynamodb import items

    bound = items.bound_of(FACTS["expires_at"], NOW)
    record = Record(**FACTS, fields=FIELDS, references={"user": user})
    yield items.of_record(id, record, bound, "0" * 16)
    yield items.entry(id, "user", user, bound)
