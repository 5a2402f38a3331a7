"""What a file of `schemas/exports/` says: rows of the warehouse that leave it for a bucket or another database.

Belongs here: the file's shape. Does not belong here: what one kind of sink adds (`export_sink_*`), rules between keys
(`rules_exports`), what a type becomes there.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from dagster_pipeline.schema.export_mode import ExportMode
from dagster_pipeline.schema.export_sink_bigquery import BigQueryExportSink
from dagster_pipeline.schema.export_sink_s3 import S3ExportSink
from dagster_pipeline.schema.export_sink_sql import MySQLExportSink, PostgresExportSink
from dagster_pipeline.schema.field_types import Freshness, Group, Identifier, Model, Names, Sql
from dagster_pipeline.schema.models import ScheduleOrCron, or_a_cron_text
from dagster_pipeline.schema.target_models import WritingFile
from dagster_pipeline.schema.warehouse_rows import WarehouseRows

KIND = "exports"
BEGIN = "`version: 1`, `source:` and `sink:`"

ExportSink = Annotated[
    S3ExportSink | BigQueryExportSink | PostgresExportSink | MySQLExportSink, Field(discriminator="kind")
]


class ExportedColumn(Model):
    """One column that is exported."""

    model_config = ConfigDict(populate_by_name=True)

    name: Identifier = Field(description="The column's name at the destination.")
    source: Sql | None = Field(
        default=None,
        alias="from",
        description="The source's column, or an expression over its columns in ClickHouse's SQL. Default: the same name.",
    )


class ExportFile(WritingFile):
    """A file of this kind, its folder's defaults merged in."""

    described_as: ClassVar[str] = "an export file"

    group: Group = Field(default=KIND, description="Group in the UI.")
    source: WarehouseRows = Field(description="The rows to export.")
    sink: ExportSink = Field(description="Where they go.")
    mode: Annotated[ExportMode, Field(strict=False)] | None = Field(
        default=None,
        description="replace: the destination has what the source has. merge: rows of the same key are replaced, others "
        "stay. append: all stay. merge and append read only what is new in a table. Default: merge with a key, else replace.",
    )
    key: Names = Field(default=(), description="Exported columns that tell rows apart; merge needs them.")
    columns: Annotated[tuple[ExportedColumn, ...], Field(strict=False)] = Field(
        default=(), description="What is exported, in order. Default: every column of the source."
    )
    schedule: ScheduleOrCron | None = Field(
        default=None,
        description="When it is due: a cron text, or a map of cron and timezone.",
        json_schema_extra=or_a_cron_text,
    )
    freshness: Freshness | None = Field(
        default=None, description="The export is late when its last success is older than this, e.g. 2h."
    )

    @property
    def export_mode(self) -> ExportMode:
        """The mode, default filled in."""
        return self.mode or (ExportMode.MERGE if self.key else ExportMode.REPLACE)
