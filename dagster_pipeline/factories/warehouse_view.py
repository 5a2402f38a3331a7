"""What the warehouse itself says of a table after a run: its parts, and a few rows for the eye."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from dagster_pipeline.checks.run import Rows
from dagster_pipeline.connectors.sink.base_sink_connector import DELETED_COLUMN, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_identifier, quote_string, quote_table
from dagster_pipeline.schema.models import TableSchema

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Parts:
    """Active parts of a table, the warehouse's partitions that they lie in, and their bytes on disk."""

    parts: int
    partitions: int
    bytes_on_disk: int


def parts_of(table: SinkTable, rows: Rows) -> Parts:
    """Count the parts."""
    ((parts, partitions, size),) = rows(
        "SELECT count(), uniqExact(partition_id), sum(bytes_on_disk) FROM system.parts WHERE active "
        f"AND database = {quote_string(table.database)} AND table = {quote_string(table.name)}"
    )
    return Parts(int(parts), int(partitions), int(size))


def preview(schema: TableSchema, table: SinkTable, rows: Rows) -> dg.TableMetadataValue:
    """The first rows that the warehouse comes upon, shortened; of a masked column only that it is masked."""
    masks = {column.name: column.mask for column in schema.columns if column.mask}
    shown = [
        quote_string(f"({masks[column.name]})") if column.name in masks else _shortened(column.name)
        for column in table.columns
    ]
    seen = f" WHERE NOT {quote_identifier(DELETED_COLUMN)}" if table.tracks_deletes else ""
    found = rows(
        f"SELECT {', '.join(shown)} FROM {quote_table(table.database, table.name)}{seen} LIMIT {PREVIEW_ROWS}"
    )
    names = [column.name for column in table.columns]
    return dg.TableMetadataValue(
        records=[dg.TableRecord(dict(zip(names, map(str, row), strict=True))) for row in found],
        schema=dg.TableSchema([dg.TableColumn(name, "string") for name in names]),
    )


def _shortened(name: str) -> str:
    text = f"toValidUTF8(ifNull(toString({quote_identifier(name)}), 'NULL'))"
    return f"substringUTF8({text}, 1, {PREVIEW_CHARACTERS})"
