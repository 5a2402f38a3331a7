"""Statements that land deliveries: moving a staging table's parts, removing a load's rows, reading S3 by the engine itself.

`ALTER TABLE ... MOVE PARTITION ... TO TABLE` renames parts instead of copying rows
(clickhouse.com/docs/sql-reference/statements/alter/partition). A server that is killed in the middle of one may show a
part in both tables, so what a table already has of the staging's versions is removed before a partition is moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagster_pipeline.connectors.batch import WriteReceipt
from dagster_pipeline.connectors.object_place import ObjectPlace
from dagster_pipeline.connectors.sink.base_sink_connector import VERSION_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.connectors.sink.clickhouse.insert import InsertStatement, Setting

_VERSION = quote_identifier(VERSION_COLUMN)
PARQUET_SETTINGS: Mapping[str, Setting] = {
    "input_format_parquet_allow_missing_columns": 0,
    "input_format_parquet_case_insensitive_column_matching": 0,
    "max_partitions_per_insert_block": 0,
}


@dataclass(frozen=True, kw_only=True)
class Absorption:
    """Moves one staging table's partitions.

    Attributes:
        rows, run: ask and tell the server that holds the rows, never ON CLUSTER: the engine replicates it.
        lock: raises when the run has lost its right to the table.
    """

    table: SinkTable
    staging: SinkTable
    rows: Callable[..., Sequence[tuple[Any, ...]]]
    run: Callable[..., None]
    lock: Callable[[], None]

    def absorb(self) -> None:
        """All of them, in order."""
        for partition in self._partitions():
            self.lock()
            self._remove_arrived(partition)
            self.run(
                f"ALTER TABLE {_name(self.staging)} "
                f"MOVE PARTITION ID {quote_string(partition)} TO TABLE {_name(self.table)}",
                doing=f"Adding rows to {self.table.full_name}",
            )

    def _partitions(self) -> list[str]:
        found = self.rows(f"SELECT DISTINCT _partition_id FROM {_name(self.staging)} ORDER BY 1")
        return [str(partition) for (partition,) in found]

    def _remove_arrived(self, partition: str) -> None:
        versions = [
            int(version) for (version,) in self.rows(f"SELECT DISTINCT {_VERSION} FROM {_name(self.staging)}")
        ]
        condition = (
            f"_partition_id = {quote_string(partition)} AND {_VERSION} IN ({', '.join(map(str, versions))})"
        )
        ((arrived,),) = self.rows(f"SELECT count() FROM {_name(self.table)} WHERE {condition}")
        if arrived:
            # lightweight DELETE knows no virtual columns; a version belongs to one load
            self.run(
                f"ALTER TABLE {_name(self.table)} DELETE WHERE {condition}",
                doing=f"Removing half of a load from {self.table.full_name}",
            )


def removal(table: SinkTable, version: int) -> str:
    """The statement that removes one version's rows."""
    return f"ALTER TABLE {_name(table)} DELETE WHERE {_VERSION} = {version}"


def object_insert(statement: InsertStatement, place: ObjectPlace, settings: Mapping[str, Setting]) -> str:
    """An INSERT whose rows the engine's own `s3()` reads. ClickHouse hides its secret in `system.query_log`."""
    rights = f"{quote_string(place.key)}, {quote_string(place.secret)}, " if place.key else ""
    clause = ", ".join(
        f"{name} = {quote_string(value) if isinstance(value, str) else value}"
        for name, value in settings.items()
    )
    relation = f"s3({quote_string(place.url)}, {rights}'Parquet', {quote_string(statement.structure)})"
    return f"INSERT INTO {statement.target} SELECT {statement.select} FROM {relation} SETTINGS {clause}"


def receipt(rows: int, began: float) -> WriteReceipt:
    """What the engine read by itself: nobody counts its bytes."""
    return WriteReceipt(rows=rows, bytes=0, seconds=time.monotonic() - began)


def _name(table: SinkTable) -> str:
    return quote_table(table.database, table.name)
