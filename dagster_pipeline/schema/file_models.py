"""The shape of a table file as a person writes it: what may stand there, before any default is filled in.

Parts that a file writes just as they are used (`sync`, `schedule`, `retries`, `columns`, ...) are in `models`. The
field descriptions feed the JSON Schema that editors show.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dagster_pipeline.schema.check_models import CheckEntry
from dagster_pipeline.schema.described_file import DescribedFile
from dagster_pipeline.schema.field_types import (
    FormatVersion,
    Group,
    Identifier,
    Model,
    SettingName,
    SettingValue,
    Sql,
)
from dagster_pipeline.schema.models import (
    ColumnSchema,
    Contract,
    Partitions,
    Reconciliation,
    SyncSettings,
)
from dagster_pipeline.schema.scheduled_file import ScheduledFile
from dagster_pipeline.schema.triggers import Trigger


class SourceSection(Model):
    """Where the table comes from. The folder names the database, the file the table."""

    connection: Identifier | None = Field(
        default=None,
        description="Names the variable with the address: MYSQL_<CONNECTION>_URL or POSTGRES_<CONNECTION>_URL. "
        "Default: the database folder.",
    )
    schema_name: Identifier | None = Field(
        default=None, alias="schema", description="PostgreSQL only: the schema. Default: public."
    )
    table: Identifier | None = Field(default=None, description="The source table. Default: the file's name.")
    where: Sql | None = Field(
        default=None,
        description="Only rows for which this holds, in the source's SQL. It should look at values that never change: "
        "a row that stops matching stays in the warehouse.",
    )


class DestinationSection(Model):
    """Where the table goes and how ClickHouse keeps it."""

    database: Identifier | None = Field(
        default=None, description="ClickHouse database. Default: the source database."
    )
    table: Identifier | None = Field(default=None, description="ClickHouse table. Default: the source table.")
    engine: Literal["ReplacingMergeTree", "MergeTree"] | None = Field(
        default=None, description="Default: ReplacingMergeTree with a primary key, else MergeTree."
    )
    order_by: Annotated[tuple[Sql, ...], Field(strict=False)] | None = Field(
        default=None,
        description="Sorting key, columns or expressions. With ReplacingMergeTree it must hold the primary key, and "
        "other columns only when they are immutable. Default: the primary key.",
    )
    partition_by: Sql | None = Field(
        default=None, description="Partition expression over immutable columns, e.g. toYYYYMM(created_at)."
    )
    ttl: Sql | None = Field(default=None, description="When rows leave, e.g. created_at + INTERVAL 3 YEAR.")
    settings: dict[SettingName, SettingValue] = Field(
        default_factory=dict, description="Engine settings, e.g. index_granularity: 8192."
    )
    distributed: bool = Field(
        default=False,
        description="Where CLICKHOUSE_CLUSTER names a cluster, a table <table>_distributed over it stands beside this one.",
    )


class DefaultsFile(ScheduledFile, DescribedFile):
    """A `_defaults.yml`: what all table files below its folder take over unless they say otherwise."""

    version: FormatVersion = Field(default=1, description="Version of the file format.")
    group: Group | None = Field(default=None, description="Group in the UI. Default: the source database.")
    source: SourceSection = Field(default=SourceSection(), description="Where the table comes from.")
    destination: DestinationSection = Field(
        default=DestinationSection(), description="Where the table goes, and how it is kept there."
    )
    sync: SyncSettings = Field(default=SyncSettings(), description="How the table follows its source.")
    trigger: Trigger | None = Field(
        default=None, description="Load when a row or an S3 object appears, beside any schedule."
    )
    partitions: Partitions | None = Field(default=None, description="Cuts the table into Dagster partitions.")
    reconcile: Reconciliation | None = Field(
        default=None, description="Hold the whole table against its source, as a check of its own."
    )
    contract: Contract | None = Field(
        default=None,
        description="Hold the file against the source's catalog and the warehouse's, as a check of its own.",
    )
    checks: Annotated[tuple[CheckEntry, ...], Field(strict=False)] = Field(
        default=(), description="What must hold for the table in the warehouse after every run."
    )


class TableFile(DefaultsFile):
    """A table file, with the defaults of its folders merged in."""

    version: FormatVersion = Field(description="Version of the file format.")
    columns: Annotated[tuple[ColumnSchema, ...], Field(strict=False, min_length=1)] = Field(
        description="Columns of the source table, in the order in which ClickHouse is to have them."
    )
