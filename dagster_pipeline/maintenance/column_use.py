"""What a table's columns take on disk, how many values they have, and who reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_table
from dagster_pipeline.maintenance.warehouse import MaintainedWarehouse

SAMPLE_ROWS = 1_000_000
LOG_DAYS = 30


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """One column.

    Attributes:
        type, codec: as ClickHouse prints them; a codec is empty where the server's default serves.
        compressed, uncompressed: bytes on disk, and before compression.
        distinct: values in the sample, about.
        reads: queries of the last `LOG_DAYS` days that read it, our own not counted; `None` without a query log.
        in_key: a key of the table uses it.
    """

    name: str
    type: str
    codec: str
    compressed: int
    uncompressed: int
    distinct: int
    reads: int | None
    in_key: bool


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table and its columns. `sampled`: rows that `distinct` was counted in; `partitions`: active ones."""

    full_name: str
    rows: int
    bytes: int
    partitions: int
    sampled: int
    columns: tuple[ColumnUse, ...]

    @property
    def ratio(self) -> float:
        """How many times smaller the columns are than their values."""
        compressed = sum(column.compressed for column in self.columns)
        return sum(column.uncompressed for column in self.columns) / max(compressed, 1)

    def column(self, name: str) -> ColumnUse | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)


def read_use(warehouse: MaintainedWarehouse, table: SinkTable) -> TableUse | None:
    """How the table is stored and read; `None` when it does not exist. Reads up to `SAMPLE_ROWS` rows of it."""
    place = {"database": table.database, "table": table.name}
    columns = warehouse.rows(
        "SELECT name, type, compression_codec, data_compressed_bytes, data_uncompressed_bytes, "
        "is_in_sorting_key OR is_in_partition_key FROM system.columns "
        "WHERE database = {database:String} AND table = {table:String} ORDER BY position",
        place,
    )
    if not columns:
        return None
    ((rows, bytes_, partitions),) = warehouse.rows(
        "SELECT sum(rows), sum(bytes_on_disk), uniqExact(partition_id) FROM system.parts "
        "WHERE active AND database = {database:String} AND table = {table:String}",
        place,
    )
    sampled, distinct = _distinct(warehouse, table, [str(name) for name, *_ in columns])
    reads = _reads(warehouse, table)
    return TableUse(
        full_name=table.full_name,
        rows=int(rows),
        bytes=int(bytes_),
        partitions=int(partitions),
        sampled=sampled,
        columns=tuple(
            ColumnUse(
                name=str(name),
                type=str(type_),
                codec=str(codec),
                compressed=int(compressed),
                uncompressed=int(uncompressed),
                distinct=distinct[str(name)],
                reads=None if reads is None else reads.get(str(name), 0),
                in_key=bool(in_key),
            )
            for name, type_, codec, compressed, uncompressed, in_key in columns
        ),
    )


def _distinct(
    warehouse: MaintainedWarehouse, table: SinkTable, names: Sequence[str]
) -> tuple[int, dict[str, int]]:
    counted = ", ".join(f"uniqCombined({quote_identifier(name)})" for name in names)
    ((sampled, *numbers),) = warehouse.rows(
        f"SELECT count(), {counted} FROM (SELECT * FROM {quote_table(table.database, table.name)} LIMIT {SAMPLE_ROWS})"
    )
    return int(sampled), {name: int(number) for name, number in zip(names, numbers, strict=True)}


def _reads(warehouse: MaintainedWarehouse, table: SinkTable) -> Mapping[str, int] | None:
    """Queries that read each column. The log is a table like any other, which a server may do without."""
    if not warehouse.rows("SELECT 1 FROM system.tables WHERE database = 'system' AND name = 'query_log'"):
        return None
    found = warehouse.rows(
        "SELECT arrayJoin(columns) AS column, count() FROM system.query_log WHERE type = 'QueryFinish' "
        "AND query_kind = 'Select' AND has(tables, {table:String}) AND NOT startsWith(log_comment, 'dagster_pipeline') "
        "AND event_date >= today() - {days:UInt32} GROUP BY column",
        {"table": table.full_name, "days": LOG_DAYS},
    )
    start = f"{table.full_name}."
    return {
        str(column).removeprefix(start): int(count)
        for column, count in found
        if str(column).startswith(start)
    }
