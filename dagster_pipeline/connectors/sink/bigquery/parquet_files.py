"""Batches as Parquet files of bounded size, one at a time: memory and disk do not grow with the export."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from dagster_pipeline.connectors.sink.bigquery.column_types import REQUIRED, StoredColumn
from dagster_pipeline.errors import DataQualityError

ROW_GROUP_BYTES = 16 << 20
"""Arrow bytes of a row group; about what the writer keeps in memory."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """One file, at its beginning; it is gone when the next one is asked for."""

    body: IO[bytes]
    rows: int
    bytes: int


def parquet_files(
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[StoredColumn],
    *,
    key: Sequence[str] = (),
    file_bytes: int,
) -> Iterator[ParquetFile]:
    """Files that end soon after `file_bytes`; none without rows.

    Raises `DataQualityError` for a NULL in the key or in a column that BigQuery keeps as REQUIRED.
    """
    schema = pa.schema(
        [pa.field(column.name, column.arrow, nullable=column.mode != REQUIRED) for column in columns]
    )
    groups = _row_groups(batches, columns, schema, key)
    group = next(groups, None)
    while group is not None:
        rows = 0
        with ExitStack() as files:
            body = files.enter_context(tempfile.TemporaryFile())
            with pq.ParquetWriter(body, schema, compression="zstd") as writer:
                while group is not None and (not rows or body.tell() < file_bytes):
                    writer.write_table(group)
                    rows += group.num_rows
                    group = next(groups, None)
            size = body.tell()
            body.seek(0)
            yield ParquetFile(body, rows, size)


def _row_groups(
    batches: Iterable[pa.RecordBatch], columns: Sequence[StoredColumn], schema: pa.Schema, key: Sequence[str]
) -> Iterator[pa.Table]:
    kept: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        kept.append(_converted(batch, columns, schema, key))
        size += kept[-1].nbytes
        if size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(kept, schema)
            kept, size = [], 0
    if kept:
        yield pa.Table.from_batches(kept, schema)


def _converted(
    batch: pa.RecordBatch, columns: Sequence[StoredColumn], schema: pa.Schema, key: Sequence[str]
) -> pa.RecordBatch:
    arrays: list[Any] = []
    for column, array in zip(columns, batch.columns, strict=True):
        if array.null_count and (column.mode == REQUIRED or column.name in key):
            raise DataQualityError(
                f"'{column.name}' is NULL in {array.null_count} row(s), which wants a value at the destination.",
                todo="Correct the rows, or make the column nullable at the destination.",
            )
        arrays.append(array if array.type.equals(column.arrow) else array.cast(column.arrow))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
