"""What Dagster's UI shows of snapshots: at definition time from the file, after a run from its `SnapshotResult`."""

from __future__ import annotations

from typing import Any

import dagster as dg

from dagster_pipeline.checks.run import Rows
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_string
from dagster_pipeline.factories.table_metadata import code_references, column_schema, listed, sql_text
from dagster_pipeline.factories.table_schedules import asset_key
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.snapshot_files import DATE_COLUMN, Snapshot
from dagster_pipeline.snapshots.snapshot_run import SnapshotResult, planned_table, read_tables


def definition_metadata(snapshot: Snapshot) -> dict[str, Any]:
    """Metadata that is known before the first run; a query's columns are not."""
    known: dict[str, Any] = {
        "dagster/table_name": f"{snapshot.database}.{snapshot.table}",
        "dagster/storage_kind": "clickhouse",
        "dagster/code_references": code_references(snapshot.path),
        "snapshot file": dg.MetadataValue.path(shown_path(snapshot.path)),
        "strategy": snapshot.file.strategy.value,
    }
    source = snapshot.source_table
    if source is None:
        return known
    table = planned_table(snapshot, read_tables(snapshot)[source.name])
    lineage = {
        column.name: [dg.TableColumnDep(asset_key=asset_key(source), column_name=column.name)]
        for column in table.columns
        if column.name != DATE_COLUMN
    }
    return known | {
        "dagster/column_schema": column_schema(table),
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=lineage),
    }


def to_metadata(result: SnapshotResult, snapshot: Snapshot, rows: Rows) -> dict[str, Any]:
    """One snapshot as materialization metadata; numbers stay numbers, so that they plot."""
    table, partition = result.table, f"{result.day:%Y%m%d}"
    ((parts, size),) = rows(
        "SELECT count(), sum(bytes_on_disk) FROM system.parts WHERE active "
        f"AND database = {quote_string(table.database)} AND table = {quote_string(table.name)} "
        f"AND partition_id = {quote_string(partition)}"
    )
    return {
        "snapshot date": str(result.day),
        "rows": result.rows,
        "seconds": round(result.seconds, 3),
        "rows per second": round(result.rows / max(result.seconds, 0.001), 1),
        "parts": int(parts),
        "bytes on disk": int(size),
        "rows replaced": result.replaced or 0,
        "dropped by retention": dg.MetadataValue.md(listed([str(day) for day in result.dropped])),
        "destination": table.full_name,
        "dagster/partition_row_count": result.rows,
        "dagster/column_schema": column_schema(table),
        "snapshot file": dg.MetadataValue.path(shown_path(snapshot.path)),
        "statements": sql_text(*result.statements),
    }
