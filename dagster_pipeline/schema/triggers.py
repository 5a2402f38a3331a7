"""`trigger:` of a table file: what, when it appears, starts a load. Its shape, and its rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import sqlglot
from pydantic import AfterValidator, Field
from sqlglot import exp
from sqlglot.errors import SqlglotError

from dagster_pipeline.schema.field_types import Duration, Identifier, Model, Sql
from dagster_pipeline.schema.finding import Finding

if TYPE_CHECKING:
    from dagster_pipeline.schema.models import TableSchema

_SHORTEST = timedelta(seconds=5)


def _not_too_often(value: timedelta) -> timedelta:
    if value < _SHORTEST:  # Dagster's daemon looks at sensors every five seconds
        raise ValueError("is too short.", "The shortest is 5s.")
    return value


class ControlRow(Model):
    """A row at the source that says that there is something to load."""

    query: Sql = Field(
        description="One SELECT in the source's SQL. A row that it has not given before starts a load; keep its answer short."
    )
    connection: Identifier | None = Field(
        default=None, description="Where to ask. Default: the connection of the table's own source."
    )


class S3Object(Model):
    """An object in S3 that says that there is something to load."""

    connection: Identifier = Field(
        description="Names the variable with the bucket's address: S3_<CONNECTION>_URL."
    )
    prefix: str = Field(default="", description="Only objects whose key begins with this.")
    pattern: Annotated[str, Field(min_length=1)] = Field(
        default="*", description="Only objects whose key behind the prefix matches: *, ? and [...]."
    )


class Trigger(Model):
    """What starts a load when it appears; each once."""

    control_row: ControlRow | None = Field(default=None, description="A row at the source.")
    s3: S3Object | None = Field(default=None, description="An object in S3.")
    every: Annotated[Duration, AfterValidator(_not_too_often)] = Field(
        default=timedelta(seconds=30), description="How often to look, e.g. 30s; at least 5s."
    )


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
