"""What Dagster's UI shows of a table: at definition time from its file, after a run from its `SyncResult`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.result import SyncResult


def definition_metadata(schema: TableSchema, table: SinkTable, source_key: dg.AssetKey) -> dict[str, Any]:
    """Metadata that is known before the first run: columns, lineage, and the link to the YAML file."""
    lineage = {
        column.name: [dg.TableColumnDep(asset_key=source_key, column_name=column.name)]
        for column in table.columns
    }
    reference = dg.LocalFileCodeReference(
        file_path=str(schema.path.resolve()), line_number=1, label=schema.path.name
    )
    return {
        "dagster/column_schema": column_schema(table),
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=lineage),
        "dagster/table_name": table.full_name,
        "dagster/storage_kind": "clickhouse",
        "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference]),
        "table file": dg.MetadataValue.path(str(schema.path)),
        "mode": schema.sync.mode.value,
    }


def column_schema(table: SinkTable) -> dg.TableSchema:
    """The destination's columns with their descriptions, as Dagster's column tab shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.comment or None,
                constraints=dg.TableColumnConstraints(
                    nullable=column.type.startswith(("Nullable(", "LowCardinality(Nullable(")),
                    unique=table.primary_key == (column.name,),
                ),
            )
            for column in table.columns
        ],
        constraints=dg.TableConstraints(
            other=[f"ENGINE {table.engine}", f"ORDER BY ({', '.join(table.order_by)})"]
        ),
    )


def to_metadata(result: SyncResult, schema: TableSchema) -> dict[str, Any]:
    """One run's result as materialization metadata; numbers stay numbers, so that they plot."""
    return {
        "rows": result.moved.rows,
        "bytes": result.moved.bytes,
        "seconds": round(result.seconds, 3),
        "rows per second": round(result.rows_per_second, 1),
        "chunks": result.moved.chunks,
        "chunks planned": result.chunks_planned,
        "resumed": result.resumed,
        "kind": str(result.kind),
        "window": window_text(result.window, result.newest),
        "cursor before": result.cursor_before or "none",
        "cursor after": result.cursor_after or "none",
        "rows with NULL cursor": result.null_cursor_rows,
        "coerced rows": sum(result.moved.coerced.values()),
        "coercions": coercions_table(result.moved.coerced),
        "deleted rows": result.deleted_rows,
        "destination": result.table.full_name,
        "dagster/row_count": result.rows_in_destination,
        "dagster/column_schema": column_schema(result.table),
        "table file": dg.MetadataValue.path(str(schema.path)),
        "statements": dg.MetadataValue.md(
            "\n\n".join(f"```sql\n{text}\n```" for text in result.statements) or "none"
        ),
        "notes": dg.MetadataValue.md("\n".join(f"- {note}" for note in result.notes) or "none"),
    }


def window_text(window: Window, newest: str | None) -> str:
    """The window as a person would write it."""
    if window.cursor is None:
        return "whole table"
    lower = "(" if window.lower is None or not window.lower_inclusive else "["
    lookback = (
        f" minus {window.lookback_seconds} s" if window.lookback_seconds and window.lower is not None else ""
    )
    nulls = " and NULL" if window.include_nulls else ""
    return f"{window.cursor} in {lower}{window.lower or 'start'}{lookback}, {window.upper or newest or 'end'}]{nulls}"


def coercions_table(coerced: Mapping[str, int]) -> dg.TableMetadataValue | str:
    """Rows changed by policy, by column."""
    if not coerced:
        return "none"
    records = [dg.TableRecord({"column": name, "rows": rows}) for name, rows in sorted(coerced.items())]
    columns = [dg.TableColumn("column", "string"), dg.TableColumn("rows", "int")]
    return dg.TableMetadataValue(records, dg.TableSchema(columns))
