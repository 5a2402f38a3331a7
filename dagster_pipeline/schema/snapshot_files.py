"""What a snapshot file means: `schemas/snapshots/<name>.yml`, and the snapshot that it is once its tables are known.

Belongs here: the shape of the file, and the defaults that follow from the tables it reads. Does not belong here: rules
between keys (`rules_snapshots`), SQL, dates (both in the room `snapshots`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from dagster_pipeline.schema.described_file import DescribedFile
from dagster_pipeline.schema.field_types import (
    Duration,
    Group,
    Identifier,
    Model,
    Names,
    SettingName,
    SettingValue,
    Share,
    Sql,
    StartDate,
    TimeZone,
)
from dagster_pipeline.schema.models import (
    ColumnSchema,
    Mask,
    TableSchema,
)
from dagster_pipeline.schema.scheduled_file import ScheduledFile

KIND = "snapshots"
DATE_COLUMN = "_snapshot_date"
"""First column of every snapshot table: the last day of the period whose end the rows show."""

SIZE_CHECK = "snapshot_size"
"""The check of every snapshot: neither empty nor much smaller than the one before."""

TABLE_IN_QUERY = re.compile(r"\{([^{}/]+/[^{}/]+)\}")
"""`{database/table}` in a query stands for the table as a reader sees it."""
MOMENTS_IN_QUERY = ("snapshot_date", "snapshot_end")
"""`{snapshot_date}` is the period's last day, `{snapshot_end}` the first moment after it."""


class Strategy(StrEnum):
    """How the rows of a moment are found; decides whether a past one can still be taken."""

    QUERY = "query"
    TIMESTAMP = "timestamp"
    APPEND = "append"


class Every(StrEnum):
    """Length of the periods at whose ends snapshots are taken."""

    DAY = "day"
    MONTH = "month"


class SnapshotSource(Model):
    """What a snapshot is a copy of: a table of this project, or a query over such tables."""

    table: Identifier | None = Field(
        default=None, description="A table of this project, <database>/<table> as its asset is called."
    )
    columns: Names = Field(default=(), description="Columns of the table to copy. Default: all.")
    where: Sql | None = Field(
        default=None, description="Only rows for which this holds, in ClickHouse's SQL; with `table`."
    )
    query: Sql | None = Field(
        default=None,
        description="One SELECT in ClickHouse's SQL, in place of `table`. {database/table} stands for a table of this "
        "project as a reader sees it, {snapshot_date} for the period's last day, {snapshot_end} for the moment after it.",
    )


class SnapshotDestination(Model):
    """Where snapshots are kept."""

    database: Identifier = Field(default=KIND, description="ClickHouse database.")
    table: Identifier | None = Field(default=None, description="ClickHouse table. Default: the file's name.")
    order_by: Annotated[tuple[Sql, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Sorting key after _snapshot_date. Default: `key`, else the table's own sorting key.",
    )
    settings: dict[SettingName, SettingValue] = Field(
        default_factory=dict, description="Engine settings, e.g. index_granularity: 8192."
    )


class SlowlyChanging(Model):
    """A view of how long each state of a row was seen."""

    view: Identifier = Field(description="The view's name, in the destination's database.")
    columns: Names = Field(
        default=(), description="A change of one of these begins a new state. Default: all but the key."
    )


class SnapshotFile(ScheduledFile, DescribedFile):
    """A snapshot file, with the defaults of its folder merged in."""

    described_as: ClassVar[str] = "a snapshot file"

    group: Group = Field(default=KIND, description="Group in the UI.")
    source: SnapshotSource = Field(description="What is copied.")
    strategy: Annotated[Strategy, Field(strict=False)] = Field(
        default=Strategy.QUERY,
        description="query: what the table or query answers when it is asked. timestamp: of each key the newest row before "
        "the period's end, from a table that keeps every state. append: rows before the period's end, from a table whose rows "
        "never change.",
    )
    timestamp: Identifier | None = Field(
        default=None,
        description="timestamp and append: the date or time column that says since when a row holds.",
    )
    key: Names = Field(
        default=(),
        description="Columns that tell rows of one snapshot apart. Default: the table's primary key.",
    )
    every: Annotated[Every, Field(strict=False)] = Field(
        description="A snapshot at the end of each: day or month."
    )
    start: StartDate = Field(description="First day of the first period, YYYY-MM-DD.")
    timezone: TimeZone = Field(
        default="UTC", description="IANA name of the zone whose midnights end the periods."
    )
    grace: Duration = Field(
        default=timedelta(days=1),
        description="How long after a period's end the present still counts as its snapshot, where only the present is known.",
    )
    retention: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        description="Periods whose snapshots are kept; older ones are dropped after a run. Default: all.",
    )
    max_shrink: Share = Field(
        default=0.5,
        description="The share of rows that a snapshot may have less than the one before; more fails the check.",
        json_schema_extra={"default": "50%"},
    )
    slowly_changing: SlowlyChanging | None = Field(
        default=None,
        description="A view over the snapshots with valid_from and valid_to for each state of a row.",
    )
    destination: SnapshotDestination = Field(
        default=SnapshotDestination(), description="Where snapshots are kept, and how."
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot file whose tables are known.

    Attributes:
        path: the file, absolute.
        stem: the file's name without `.yml`.
        file: what it says.
        reads: the tables that it reads, by name; more than one only for a query.
    """

    path: Path
    stem: str
    file: SnapshotFile
    reads: Mapping[str, TableSchema] = field(default_factory=dict)

    @property
    def database(self) -> str:
        """The destination's database."""
        return self.file.destination.database

    @property
    def table(self) -> str:
        """The destination's table."""
        return self.file.destination.table or self.stem

    @property
    def name(self) -> str:
        """Its identity everywhere: `<destination database>/<table>`, also its asset key."""
        return f"{self.database}/{self.table}"

    @property
    def source_table(self) -> TableSchema | None:
        """The table that it is a copy of; `None` for a query."""
        return self.reads.get(self.file.source.table or "")

    @property
    def columns(self) -> tuple[ColumnSchema, ...]:
        """The table's columns that are copied; empty for a query, whose columns only the warehouse knows."""
        if self.source_table is None:
            return ()
        chosen = self.file.source.columns
        there = stored_columns(self.source_table)
        return tuple(there[name] for name in chosen if name in there) if chosen else tuple(there.values())

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that tell the rows of one snapshot apart; may be empty."""
        if self.file.key or self.source_table is None:
            return self.file.key
        return self.source_table.primary_key

    @property
    def order_by(self) -> tuple[str, ...]:
        """The sorting key after `_snapshot_date`."""
        given = self.file.destination.order_by
        if given is not None:
            return given
        if self.file.key or self.source_table is None:
            return self.file.key
        copied = {column.name for column in self.columns if not column.nullable}
        return tuple(term for term in self.source_table.destination.order_by if term in copied)

    @property
    def knows_the_past(self) -> bool:
        """A snapshot of a past moment can be taken at any time."""
        query = self.file.source.query or ""
        return self.file.strategy is not Strategy.QUERY or any(
            f"{{{moment}}}" in query for moment in MOMENTS_IN_QUERY
        )


def stored_columns(table: TableSchema) -> dict[str, ColumnSchema]:
    """The columns that a table has in the warehouse, by name."""
    return {column.name: column for column in table.columns if column.mask is not Mask.DROP}


def tables_in(source: SnapshotSource) -> tuple[str, ...]:
    """Names of the tables that a source reads, each once."""
    named: Sequence[str] = TABLE_IN_QUERY.findall(source.query) if source.query else ()
    return tuple(dict.fromkeys((*([source.table] if source.table else []), *named)))
