"""The export of these tests: a few accounts."""

from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export, ExportColumn, ExportMode
from dagster_pipeline.connectors.sink.export_types import wire_schema
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type

COLUMNS = {"id": "Int64", "status": "String", "balance": "Nullable(Decimal(20, 4))"}


def export(
    load_id: str = "aaaaaaaaaaaa", mode: ExportMode = ExportMode.REPLACE, **other: Any
) -> Export:
    """An export of `COLUMNS`, or of the given ones (`columns={name: ClickHouse type}`)."""
    columns = tuple(
        ExportColumn(name, parse_clickhouse_type(text))
        for name, text in other.pop("columns", COLUMNS).items()
    )
    key = ("id",) if mode is ExportMode.MERGE else ()
    return Export(load_id, columns, mode, **{"key": key, **other})


def batch(of: Export, *rows: tuple[Any, ...]) -> pa.RecordBatch:
    """Rows as the warehouse sends them."""
    schema = wire_schema(of)
    return pa.RecordBatch.from_arrays(
        [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(schema)],
        schema=schema,
    )


def gone(of: Export) -> bool:
    """Whether batches say what is gone."""
    return of.carries_deletions and wire_schema(of).names[-1] == GONE_COLUMN
