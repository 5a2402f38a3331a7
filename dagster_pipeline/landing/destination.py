"""From a file about deliveries to the table that the sink is to keep. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from dagster_pipeline.connectors.batch import WireColumn
from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.schema.delivery_models import DeliveryFile
from dagster_pipeline.type_mapper.clickhouse_type import parse_clickhouse_type, wrapped


def landing_table(file: DeliveryFile, name: str) -> SinkTable:
    """The destination of a file of that name, which was judged before."""
    destination, key = file.destination, file.primary_key
    return SinkTable(
        database=destination.database,
        name=destination.table or name,
        columns=tuple(
            SinkColumn(column.name, _stored_type(column.type, nullable=column.nullable), column.description)
            for column in file.columns
        ),
        engine=file.engine,
        order_by=key if destination.order_by is None else destination.order_by,
        partition_by=destination.partition_by or "",
        ttl=destination.ttl or "",
        settings=destination.settings,
        comment=file.description,
        tracks_deletes=False,
        primary_key=key,
    )


def shape_mark(table: SinkTable, columns: Sequence[WireColumn], how: str) -> str:
    """A digest of what must stay the same while one delivery lands: columns, keys, and how it is read."""
    words = (table.columns, table.engine, table.order_by, table.partition_by, tuple(columns), how)
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]


def _stored_type(text: str, *, nullable: bool) -> str:
    declared = parse_clickhouse_type(text)
    return wrapped(
        declared.bare,
        nullable=nullable and declared.name != "Array",  # ClickHouse has no Nullable(Array)
        low_cardinality=declared.low_cardinality,
    )
