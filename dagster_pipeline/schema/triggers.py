"""`trigger:` of a table file: what, when it appears, starts a load. Its rules are in `rules_triggers`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from dagster_pipeline.schema.field_types import Duration, Identifier, Model, Sql

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
