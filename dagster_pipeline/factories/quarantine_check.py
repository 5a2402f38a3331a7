"""Rows in quarantine as an asset check of their table: it fails, as a warning, for as long as one has not arrived."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.quarantine_store import QuarantineStore, QuarantiningSink
from dagster_pipeline.schema.models import OnBadRow, TableSchema
from dagster_pipeline.schema.naming import QUARANTINE_CHECK

SHOWN = 5


def quarantine_spec(schema: TableSchema, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The check, where the file wants quarantine."""
    if schema.sync.on_bad_row is not OnBadRow.QUARANTINE:
        return []
    description = "No row waits for a mapping that can represent it."
    return [dg.AssetCheckSpec(QUARANTINE_CHECK, asset=key, description=description)]


def quarantine_result(
    schema: TableSchema, key: dg.AssetKey, table: SinkTable, sink: QuarantiningSink
) -> Iterator[dg.AssetCheckResult]:
    """Its result now, this run's rows and all before."""
    if schema.sync.on_bad_row is not OnBadRow.QUARANTINE:
        return
    store = sink.quarantine_of(table)
    counted = store.counted()
    says = "No row is in quarantine."
    if counted.rows:
        says = (
            f"{counted.rows:,} row(s) are in {store.table.full_name}. Mend the file or the source, then "
            f"`python -m dagster_pipeline quarantine replay {schema.name}`."
        )
    yield dg.AssetCheckResult(
        check_name=QUARANTINE_CHECK,
        asset_key=key,
        passed=not counted.rows,
        severity=dg.AssetCheckSeverity.WARN,
        description=says,
        metadata={
            "failed rows": counted.rows,
            **{f"rows by {column}": rows for column, rows in counted.by_column.items()},
            **_samples(store),
        },
    )


def _samples(store: QuarantineStore) -> dict[str, Any]:
    """Keys, columns and reasons; the values stand in the warehouse, for those who may read there."""
    records = [
        dg.TableRecord({"key": ", ".join(entry.key), "column": entry.column, "reason": entry.reason})
        for entry in store.entries(SHOWN)
    ]
    columns = [dg.TableColumn(name, "string") for name in ("key", "column", "reason")]
    return {"samples": dg.TableMetadataValue(records, dg.TableSchema(columns))} if records else {}
