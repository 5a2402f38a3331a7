"""What Dagster's UI shows of a table: at definition time from its file, after a run from its `SyncResult`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_pipeline.checks.run import Rows
from dagster_pipeline.connectors.batch import Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.factories.table_lag import lag_seconds
from dagster_pipeline.factories.warehouse_view import parts_of, preview
from dagster_pipeline.schema.discovery import shown_path
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.sync.partition_slice import RANGE
from dagster_pipeline.sync.result import SyncResult

SCHEMA_DRIFT = "schema drift"
"""Metadata that alerts read: how the source has drifted from the file, a list item each, or none."""

LISTED = 20
"""Entries of a list; a load of many chunks has many query ids."""


def definition_metadata(schema: TableSchema, table: SinkTable, source_key: dg.AssetKey) -> dict[str, Any]:
    """Metadata that is known before the first run: columns, lineage, and the link to the YAML file."""
    lineage = {
        column.name: [dg.TableColumnDep(asset_key=source_key, column_name=column.name)]
        for column in table.columns
    }
    return {
        "dagster/column_schema": column_schema(table),
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=lineage),
        "dagster/table_name": table.full_name,
        "dagster/storage_kind": "clickhouse",
        "dagster/code_references": code_references(schema.path),
        "table file": dg.MetadataValue.path(shown_path(schema.path)),
        "mode": schema.sync.mode.value,
    }


def code_references(path: Path) -> dg.CodeReferencesMetadataValue:
    """The link to the YAML file. Dagster calls it a beta, and would say so twice for every table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=str(path.resolve()), line_number=1, label=path.name)
        return dg.CodeReferencesMetadataValue(code_references=[reference])


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
    lag = lag_seconds(schema, result.newest_visible, now=datetime.now(UTC))
    return {
        "summary": dg.MetadataValue.md(summary(result, lag)),
        **({} if lag is None else {"lag seconds": round(lag, 3)}),
        "rows": result.moved.rows,
        "bytes": result.moved.bytes,
        "seconds": round(result.seconds, 3),
        "rows per second": round(result.rows_per_second, 1),
        "chunks": result.moved.chunks,
        "chunks planned": result.chunks_planned,
        "chunks left": result.chunks_left,
        "resumed": result.resumed,
        "kind": str(result.kind),
        "window": window_text(result.window, result.newest),
        "cursor before": result.cursor_before or "none",
        "cursor after": result.cursor_after or "none",
        "rows with NULL cursor": result.null_cursor_rows,
        "coerced rows": sum(result.moved.coerced.values()),
        "coercions": coercions_table(result.moved.coerced),
        **_quarantine(result),
        "deleted rows": result.deleted_rows,
        "destination": result.table.full_name,
        **_row_counts(result),
        "dagster/column_schema": column_schema(result.table),
        "table file": dg.MetadataValue.path(shown_path(schema.path)),
        "source query": sql_text(result.query),
        "query ids": dg.MetadataValue.md(listed(result.moved.query_ids)),
        "statements": sql_text(*result.statements),
        "notes": dg.MetadataValue.md(listed(result.notes)),
        SCHEMA_DRIFT: dg.MetadataValue.md(listed(result.drift)),
    }


def warehouse_metadata(result: SyncResult, schema: TableSchema, rows: Rows) -> dict[str, Any]:
    """What the warehouse says of the table now."""
    parts = parts_of(result.table, rows)
    return {
        "parts": parts.parts,
        "warehouse partitions": parts.partitions,
        "bytes on disk": parts.bytes_on_disk,
        "preview": preview(schema, result.table, rows),
    }


def summary(result: SyncResult, lag: float | None) -> str:
    """A run in a few words."""
    moved = result.moved
    facts = {
        "loaded": f"{moved.rows:,} rows in {moved.chunks} chunk(s), {result.seconds:.1f} s, "
        f"{result.rows_per_second:,.0f} rows/s",
        "kind": f"{result.kind}{', resumed' if result.resumed else ''}",
        "left for the next run": f"{result.chunks_left} chunk(s)" if result.chunks_left else "",
        "window": window_text(result.window, result.newest),
        "rows there now": f"{result.rows_in_destination:,}",
        "behind the source's newest row": "" if lag is None else str(timedelta(seconds=round(lag))),
        "changed by policy": ", ".join(f"{name}: {rows:,}" for name, rows in sorted(moved.coerced.items())),
        "set aside": f"{moved.set_aside:,} rows" if moved.set_aside else "",
        "in no partition": f"{result.rows_in_no_partition:,} rows" if result.rows_in_no_partition else "",
        "notes": " ".join(result.notes),
    }
    lines = [f"| {name} | {_cell(text)} |" for name, text in facts.items() if text]
    return "\n".join([f"| **{result.table.full_name}** | |", "|---|---|", *lines])


def sql_text(*statements: str) -> dg.MarkdownMetadataValue:
    """Statements as the UI shows them."""
    return dg.MetadataValue.md("\n\n".join(f"```sql\n{text}\n```" for text in statements if text) or "none")


def listed(texts: Sequence[str]) -> str:
    """The first `LISTED` texts as a Markdown list."""
    more = [f"- and {len(texts) - LISTED} more"] if len(texts) > LISTED else []
    return "\n".join([*(f"- {text}" for text in texts[:LISTED]), *more]) or "none"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _quarantine(result: SyncResult) -> dict[str, Any]:
    """Rows that this run set aside, and all that have not arrived yet."""
    if result.in_quarantine is None:
        return {}
    return {
        "quarantined rows": result.moved.set_aside,
        "quarantined by column": coercions_table(result.moved.set_aside_by),
        "rows in quarantine": result.in_quarantine.rows,
    }


def _row_counts(result: SyncResult) -> dict[str, Any]:
    """Rows of the table, or of the partitions: only a single one's are its own."""
    if not result.partition:
        return {"dagster/row_count": result.rows_in_destination}
    single = {} if RANGE in result.partition else {"dagster/partition_row_count": result.rows_in_destination}
    return {
        **single,
        "partitions": result.partition,
        "rows in the partitions": result.rows_in_destination,
        "rows in no partition": result.rows_in_no_partition,
    }


def window_text(window: Window, newest: str | None) -> str:
    """The window as a person would write it."""
    if window.cursor is None:
        return "whole table"
    if window.values:
        return f"{window.cursor} in {', '.join(window.values)}"
    lower = "(" if window.lower is None or not window.lower_inclusive else "["
    lookback = (
        f" minus {window.lookback_seconds} s" if window.lookback_seconds and window.lower is not None else ""
    )
    nulls = " and NULL" if window.include_nulls else ""
    upper = "]" if window.upper_inclusive else ")"
    return f"{window.cursor} in {lower}{window.lower or 'start'}{lookback}, {window.upper or newest or 'end'}{upper}{nulls}"


def coercions_table(coerced: Mapping[str, int]) -> dg.TableMetadataValue | str:
    """Rows changed by policy, by column."""
    if not coerced:
        return "none"
    records = [dg.TableRecord({"column": name, "rows": rows}) for name, rows in sorted(coerced.items())]
    columns = [dg.TableColumn("column", "string"), dg.TableColumn("rows", "int")]
    return dg.TableMetadataValue(records, dg.TableSchema(columns))
