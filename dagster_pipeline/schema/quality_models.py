"""The shape of `schemas/data_quality/<name>.yml`: what must hold between several tables of the warehouse."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dagster_pipeline.schema.check_models import TableName
from dagster_pipeline.schema.described_file import DescribedFile
from dagster_pipeline.schema.field_types import (
    CheckName,
    Group,
    Identifier,
    Model,
    Sql,
    TextOrNumber,
)
from dagster_pipeline.schema.models import OptionalSchedule

Severity = Literal["warn", "error"]


class _Named(Model):
    """What every check says."""

    name: CheckName = Field(description="The check's name.")
    severity: Severity | None = Field(default=None, description="Default: the file's own.")


class SqlAcross(_Named):
    """A query of your own whose first value must be as expected."""

    query: Sql = Field(
        description="SELECT with one value. {database/table} stands for a table as a reader sees it: under FINAL, without "
        "rows that are marked as deleted; give it an alias."
    )
    expect: TextOrNumber = Field(default=0, description="The value that the query must give.")


class Side(Model):
    """One side of what must agree."""

    table: TableName = Field(description="<destination database>/<table> of a table file.")
    value: Sql = Field(description="Aggregate in ClickHouse's SQL, e.g. sum(amount).")
    where: Sql | None = Field(
        default=None, description="Only rows for which this holds, in ClickHouse's SQL."
    )


class Agree(_Named):
    """Two numbers, each of a table, that must be the same."""

    left: Side = Field(description="One table.")
    right: Side = Field(description="The other table.")
    tolerance: Annotated[int | float, Field(ge=0)] = Field(
        default=0, description="How far the numbers may be apart."
    )


class References(_Named):
    """Every value of a column is a value of another table's column; NULL refers to nothing and passes."""

    table: TableName = Field(description="<destination database>/<table> that refers.")
    column: Identifier = Field(description="Its column.")
    to: TableName = Field(description="<destination database>/<table> that is referred to.")
    field: Identifier = Field(description="Its column.")


class AcrossEntry(Model):
    """One check: exactly one of these keys."""

    sql: SqlAcross | None = Field(default=None, description="A query of your own.")
    agree: Agree | None = Field(
        default=None, description="Two aggregates, each of a table, are the same number."
    )
    references: References | None = Field(
        default=None, description="A column refers to rows of another table."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> AcrossEntry:
        given = [key for key in type(self).model_fields if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(
                f"holds {len(given)} checks.", "Write one of sql, agree and references for each entry."
            )
        return self

    @property
    def check(self) -> SqlAcross | Agree | References:
        """The one that was given."""
        (given,) = (each for each in (self.sql, self.agree, self.references) if each is not None)
        return given

    @property
    def key(self) -> str:
        """The key under which it was given."""
        return next(key for key in type(self).model_fields if getattr(self, key) is not None)


class QualityFile(DescribedFile):
    """Checks that concern several tables; an asset of its own, with a check for each."""

    group: Group = Field(default="data_quality", description="Group in the UI.")
    schedule: OptionalSchedule = Field(
        default=None,
        description="When: a cron text, or a map of cron and timezone. Without one it is started by hand.",
    )
    severity: Severity = Field(
        default="error", description="Of checks that say nothing else; warn does not fail the asset's health."
    )
    checks: Annotated[tuple[AcrossEntry, ...], Field(strict=False, min_length=1)] = Field(
        description="What must hold."
    )
