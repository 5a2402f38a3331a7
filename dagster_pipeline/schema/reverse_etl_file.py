"""What a file of `schemas/reverse_etl/` says: rows of the warehouse that are written into an application's table.

Belongs here: the file's shape, and the rules between its keys and between it and the tables. What a column's type can take
is known only at the target (`reverse_etl/agreement.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from dagster_pipeline.schema.field_types import (
    Duration,
    Group,
    Identifier,
    Model,
    Share,
    Sql,
)
from dagster_pipeline.schema.finding import Finding, child, suggest
from dagster_pipeline.schema.models import OptionalSchedule
from dagster_pipeline.schema.target_models import DatabaseTable, WriteMode, WritingFile
from dagster_pipeline.schema.warehouse_rows import WarehouseRows, judge_warehouse_rows

KIND = "reverse_etl"
BEGIN = "`version: 1`, `source:` and `target:`"


class ReverseColumn(Model):
    """One column that is written."""

    model_config = ConfigDict(populate_by_name=True)

    name: Identifier = Field(description="The target's column.")
    source: Sql | None = Field(
        default=None,
        alias="from",
        description="The source's column, or an expression over its columns in ClickHouse's SQL. Default: the same name.",
    )


class ReverseEtlFile(WritingFile):
    """A reverse ETL file, its folder's defaults merged in."""

    described_as: ClassVar[str] = "a reverse ETL file"

    group: Group = Field(default=KIND, description="Group in the UI.")
    source: WarehouseRows = Field(description="The rows to write.")
    target: DatabaseTable = Field(description="The table that is written.")
    mode: WriteMode = Field(
        default="upsert",
        description="upsert: new rows are inserted, changed ones updated. insert: new rows only. update: rows that the "
        "target has. mirror: as upsert, and rows that the source does not have are deleted.",
    )
    key: Annotated[tuple[Identifier, ...], Field(strict=False, min_length=1)] = Field(
        description="Target columns that tell rows apart; the target needs a unique index on exactly these."
    )
    columns: Annotated[tuple[ReverseColumn, ...], Field(strict=False, min_length=1)] = Field(
        description="Columns that are written, the key's among them."
    )
    max_change: Share = Field(
        default=0.5,
        description="A run that would change more than this share of the rows that were written before fails before it "
        "writes; 100 rows may always change. In a first run only deletions count.",
    )
    max_rejects: int = Field(
        default=100, ge=0, le=1_000_000, description="A run with more rows that the target refuses stops."
    )
    batch_rows: int = Field(default=1_000, ge=1, le=50_000, description="Rows of one transaction.")
    undo: bool = Field(
        default=True, description="Keep what rows looked like before, so that a run can be taken back."
    )
    keep: Duration = Field(
        default=timedelta(days=30), description="How long those images and the rejected rows are kept."
    )
    schedule: OptionalSchedule = Field(
        default=None,
        description="When it is due: a cron text, or a map of cron and timezone.",
    )


def judge(file: ReverseEtlFile, tables: Collection[str]) -> Iterator[Finding]:
    """What is wrong with one file; `tables` are the names of all tables, `<database>/<table>`."""
    yield from judge_warehouse_rows(file.source, tables)
    names = [column.name for column in file.columns]
    for name, count in Counter(names).items():
        if count > 1:
            yield Finding("columns", f"Column '{name}' is written {count} times.", "Remove all but one.")
    for index, name in enumerate(file.key):
        if name not in names:
            todo = suggest(name, names, otherwise="Add it to columns.")
            yield Finding(child("key", index), f"'{name}' is no column of this file.", todo)
    if len(set(file.key)) != len(file.key):
        yield Finding("key", "A column stands twice in the key.", "Remove one.")
    if set(names) == set(file.key) and file.mode == "update":
        yield Finding("mode", "There is nothing to update: every column is part of the key.", "Use insert.")
    if file.target.dialect == "mysql" and file.target.schema_name != "public":
        yield Finding("target.schema", "MySQL has no schemas.", "Remove it; `database` names the database.")
