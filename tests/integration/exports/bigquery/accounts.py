"""The export of these tests: a few accounts, as the warehouse sends them."""

from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.sink.base_export_sink import GONE_COLUMN, Export, ExportColumn, ExportMode
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type

Columns = dict[str, tuple[str, pa.DataType]]
COLUMNS: Columns = {
    "id": ("Int64", pa.int64()),
    "status": ("String", pa.string()),
    "balance": ("Nullable(Decimal(20, 4))", pa.decimal128(20, 4)),
}


def export(
    load_id: str = "aaaaaaaaaaaa",
    mode: ExportMode = ExportMode.REPLACE,
    *,
    columns: Columns = COLUMNS,
    **other: Any,
) -> Export:
    """An export of these columns."""
    described = tuple(
        ExportColumn(name, parse_clickhouse_type(text), f"What {name} is.")
        for name, (text, _) in columns.items()
    )
    key = ("id",) if mode is ExportMode.MERGE else ()
    return Export(load_id, described, mode, **{"key": key, **other})


def batch(*rows: tuple[Any, ...], columns: Columns = COLUMNS, gone: bool = False) -> pa.RecordBatch:
    """Rows; with `gone` their last value says whether the destination is to lose them."""
    types = {name: arrow for name, (_, arrow) in columns.items()} | (
        {GONE_COLUMN: pa.uint8()} if gone else {}
    )
    arrays = [pa.array([row[index] for row in rows], arrow) for index, arrow in enumerate(types.values())]
    return pa.RecordBatch.from_arrays(arrays, names=list(types))
