"""The tables of a flow's books, in a database of their own."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.connectors.sink.base_sink_connector import SinkColumn, SinkTable
from dagster_pipeline.connectors.sink.clickhouse.ddl import quote_table
from dagster_pipeline.reverse_etl.flow import Flow

DATABASE = "reverse_etl"


def flow_table(
    flow: Flow,
    what: str,
    columns: Sequence[SinkColumn],
    *,
    key: tuple[str, ...],
    engine: str = "ReplacingMergeTree",
    ttl: str = "",
) -> SinkTable:
    """A table of a flow's books."""
    collapses = engine == "ReplacingMergeTree"
    return SinkTable(
        database=DATABASE,
        name=f"{flow.name}__{what}",
        columns=tuple(columns),
        engine=engine,
        order_by=key,
        partition_by="",
        ttl=ttl,
        settings={},
        comment=f"Of {flow.state_name}.",
        tracks_deletes=what == "written",
        primary_key=key if collapses else (),
    )


def kept(flow: Flow) -> str:
    """TTL of what is kept for `keep`."""
    return f"toDateTime(_synced_at) + INTERVAL {int(flow.file.keep.total_seconds())} SECOND"


def quoted(table: SinkTable) -> str:
    """The table's name in a statement."""
    return quote_table(table.database, table.name)
