"""Rules of `trigger:`: there is one thing to look for, and it can be asked for."""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import TableSchema


def trigger(table: TableSchema) -> Iterator[Finding]:
    """There is one thing to look for, and it can be asked for."""
    wanted = table.trigger
    if wanted is None:
        return
    if (wanted.control_row is None) == (wanted.s3 is None):
        what = "both control_row and s3" if wanted.s3 else "nothing to look for"
        yield Finding("trigger", f"`trigger` names {what}.", "Write one of control_row and s3.")
    if wanted.control_row is not None:
        yield from _query(wanted.control_row.query, table)


def _query(query: str, table: TableSchema) -> Iterator[Finding]:
    key, dialect = "trigger.control_row.query", table.source.dialect
    try:
        statements = [each for each in sqlglot.parse(query, read=dialect) if each is not None]
    except SqlglotError as error:
        first = (getattr(error, "errors", None) or [{}])[0]
        said = str(first.get("description") or "it cannot be read").rstrip(".")
        yield Finding(key, f"The query does not read as {dialect}'s SQL: {said}.", "Correct it.")
        return
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        yield Finding(
            key, "The query is not one SELECT.", "Write one SELECT, which gives a row for each thing to load."
        )
