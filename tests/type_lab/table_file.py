"""Table schemas made from columns alone, for tests that ask what a column becomes."""

from __future__ import annotations

from pathlib import Path

from dagster_pipeline.schema.models import (
    ColumnSchema,
    DestinationRef,
    Dialect,
    OutOfRange,
    SourceRef,
    SyncMode,
    SyncSettings,
    TableSchema,
)


def table_of(
    dialect: Dialect,
    *columns: ColumnSchema,
    out_of_range: OutOfRange = OutOfRange.FAIL,
    order_by: tuple[str, ...] = (),
    partition_by: str | None = None,
    lines: dict[str, int] | None = None,
) -> TableSchema:
    """A table file with these columns and defaults for the rest."""
    return TableSchema(
        path=Path("schemas/lab/d/t.yml"),
        group="lab",
        source=SourceRef(dialect=dialect, connection="lab", database="d", table="t"),
        destination=DestinationRef(
            database="lab", table="t", engine="MergeTree", order_by=order_by, partition_by=partition_by
        ),
        sync=SyncSettings(mode=SyncMode.FULL, out_of_range=out_of_range),
        columns=columns,
        lines=lines or {},
    )
