"""From a table file and its columns' mappings to the table that the sink is to keep. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.schema.models import Deletes, TableSchema
from dagster_pipeline.schema.partition_cut import needs_tombstones
from dagster_pipeline.type_mapper.mapping import ColumnMapping

STAGING_MARK = "__staging_"


def sink_table(schema: TableSchema, mappings: Sequence[ColumnMapping]) -> SinkTable:
    """The destination table of one file."""
    destination = schema.destination
    return SinkTable(
        database=destination.database,
        name=destination.table,
        columns=tuple(
            SinkColumn(mapping.name, mapping.clickhouse_type, mapping.comment) for mapping in mappings
        ),
        engine=destination.engine,
        order_by=destination.order_by,
        partition_by=destination.partition_by or "",
        ttl=destination.ttl or "",
        settings=destination.settings,
        comment=schema.description,
        tracks_deletes=schema.sync.deletes is not Deletes.IGNORE or needs_tombstones(schema),
        hides_deleted=schema.sync.deletes is not Deletes.SOFT,
        distributed=destination.distributed,
        primary_key=schema.primary_key,
    )


def staging_name(table: str, load_id: str) -> str:
    """Name of the staging table of one load."""
    return f"{table}{STAGING_MARK}{load_id}"
