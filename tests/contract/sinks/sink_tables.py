"""Tables, writes and batches for the sinks' tests."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from dagster_pipeline.connectors.batch import Batch, WireColumn, WireFormat
from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable, WriteRequest

ACCOUNT_COLUMNS = (SinkColumn("id", "Int64", "Account number."), SinkColumn("name", "Nullable(String)"))


def a_table(database: str, *columns: SinkColumn, **changes: Any) -> SinkTable:
    """`accounts`, collapsing by `id`, unless said otherwise."""
    table = SinkTable(
        database=database,
        name="accounts",
        columns=columns or ACCOUNT_COLUMNS,
        engine="ReplacingMergeTree",
        order_by=("id",),
        partition_by="",
        ttl="",
        settings={},
        comment="One row per account.",
        tracks_deletes=False,
        primary_key=("id",),
    )
    return replace(table, **changes)


def an_append_table(database: str, *columns: SinkColumn, **changes: Any) -> SinkTable:
    """`accounts` without a key: a row that is written twice is there twice."""
    return a_table(
        database, *columns, **{"engine": "MergeTree", "order_by": (), "primary_key": (), **changes}
    )


def a_write(table: SinkTable, **changes: Any) -> WriteRequest:
    """A write of all the table's columns, each as it is stored, in TSV."""
    request = WriteRequest(
        table=table,
        columns=tuple(WireColumn(column.name, column.type) for column in table.columns),
        wire_format=WireFormat.TAB_SEPARATED,
        version=1,
        token="load:0",
    )
    return replace(request, **changes)


def tsv(*rows: tuple[object, ...]) -> Batch:
    r"""Rows as one batch of TSV; `None` is `\N`, and the values need no escape."""
    lines = ("\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in rows)
    return Batch("".join(lines).encode(), len(rows))


def numbered(start: int, count: int, *, name: str = "name") -> Batch:
    """Rows of `accounts` with the ids from `start`."""
    lines = "".join(f"{number}\t{name}{number}\n" for number in range(start, start + count))
    return Batch(lines.encode(), count)


def arrow(**columns: pa.Array) -> Batch:
    """One Arrow stream as one batch."""
    table = pa.table(columns)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return Batch(stream.getvalue(), table.num_rows)


def breaking_off(batches: Iterable[Batch], error: BaseException) -> Iterable[Batch]:
    """These batches, then the source fails."""
    yield from batches
    raise error
