"""What is wrong with the database, as far as sessions are concerned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import UniqueConstraint

from ...core.expiry import UTC
from ...models import Session, SessionLease, SessionReference
from ..base import Finding, clock_findings
from .dialects import Dialect

MODELS = (Session, SessionReference, SessionLease)
MIGRATE = "Run: manage.py migrate django_multisession --database {}"


def findings(connection: BaseDatabaseWrapper, dialect: Dialect, now: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        for sql, is_wrong, finding in dialect.config_probes:
            cursor.execute(sql)
            if is_wrong(cursor.fetchone()[0]):
                yield finding
        if dialect.now:
            cursor.execute(dialect.now)
            yield from clock_findings(cursor.fetchone()[0].replace(tzinfo=UTC), now)
    yield from _schema(connection)


def _schema(connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        look, tables = connection.introspection, connection.introspection.table_names(cursor)
        for model in MODELS:
            table, meta = model._meta.db_table, model._meta
            if table not in tables:
                remedy = MIGRATE.format(connection.alias)
                yield Finding("schema", f"There is no table {table!r}.", remedy)
                continue
            columns = {column.name for column in look.get_table_description(cursor, table)}
            lacking = [str(f.column) for f in meta.local_fields if f.column not in columns]
            if lacking:
                text = f"The table {table!r} lacks columns: {', '.join(lacking)}."
                yield Finding("schema", text, MIGRATE.format(connection.alias))
            found = look.get_constraints(cursor, table)
            for index in [*meta.indexes, *meta.constraints]:
                if index.name not in found:
                    yield _lacks(connection, table, index)


def _lacks(connection: BaseDatabaseWrapper, table: str, index: Any) -> Finding:
    quote = connection.ops.quote_name
    columns = ", ".join(f"{name}_id" if name == "session" else name for name in index.fields)
    unique = "UNIQUE " if isinstance(index, UniqueConstraint) else ""
    problem = f"The table {table!r} lacks the index {index.name}: statements read all of it."
    remedy = f"Run: CREATE {unique}INDEX {quote(index.name)} ON {quote(table)} ({columns})"
    return Finding("schema", problem, remedy)
