"""Rules of the query of a `trigger:`, which need a parser of SQL."""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import Dialect


def judge_trigger_query(query: str, dialect: Dialect) -> Iterator[Finding]:
    """It is one SELECT."""
    key = "trigger.control_row.query"
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
