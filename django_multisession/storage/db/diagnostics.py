"""Problems in a database's configuration and schema that concern sessions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, UniqueConstraint

from ...core.expiry import UTC
from ...models import Session, SessionLease, SessionReference
from ..base import Finding, clock_findings
from .dialects import Dialect

MODELS: tuple[type[Model], ...] = (Session, SessionReference, SessionLease)
MIGRATE = "Run: manage.py migrate django_multisession --database {}"


def findings(connection: BaseDatabaseWrapper, dialect: Dialect, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with the server's configuration, its clock and the schema."""
    with connection.cursor() as cursor:
        for sql, is_wrong, finding in dialect.config_probes:
            cursor.execute(sql)
            if is_wrong(cursor.fetchone()[0]):
                yield finding
        if dialect.select_now:
            cursor.execute(dialect.select_now)
            yield from clock_findings(cursor.fetchone()[0].replace(tzinfo=UTC), now)
    yield from _schema_findings(connection)


def _schema_findings(connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    """Yield the tables, columns and indexes that are missing."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for model in MODELS:
            if model._meta.db_table in tables:
                yield from _table_findings(connection, cursor, model)
            else:
                problem = f"The table {model._meta.db_table!r} does not exist."
                yield Finding("schema", problem, MIGRATE.format(connection.alias))


def _table_findings(
    connection: BaseDatabaseWrapper, cursor: Any, model: type[Model]
) -> Iterator[Finding]:
    """Yield the columns and indexes that a table lacks."""
    table, meta, introspection = model._meta.db_table, model._meta, connection.introspection
    columns = {column.name for column in introspection.get_table_description(cursor, table)}
    missing = [str(f.column) for f in meta.local_fields if f.column not in columns]
    if missing:
        problem = f"The table {table!r} lacks columns: {', '.join(missing)}."
        yield Finding("schema", problem, MIGRATE.format(connection.alias))
    indexes = introspection.get_constraints(cursor, table)
    for index in [*meta.indexes, *meta.constraints]:
        if index.name not in indexes:
            yield _missing_index(connection, table, index)


def _missing_index(connection: BaseDatabaseWrapper, table: str, index: Any) -> Finding:
    """Return the finding, with the statement that creates the index."""
    quote = connection.ops.quote_name
    columns = ", ".join(f"{name}_id" if name == "session" else name for name in index.fields)
    unique = "UNIQUE " if isinstance(index, UniqueConstraint) else ""
    problem = f"The table {table!r} lacks the index {index.name}: statements read all of it."
    remedy = f"Run: CREATE {unique}INDEX {quote(index.name)} ON {quote(table)} ({columns})"
    return Finding("schema", problem, remedy)
