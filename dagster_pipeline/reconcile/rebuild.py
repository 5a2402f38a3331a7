"""A position that was lost, found again by proof: where table and source are equal, nothing is left to read but what comes.

The warehouse alone cannot say how far a table was read: its greatest cursor value may come from a load that was killed
half way. So the source's settled bound is asked for first, then the whole table is held against the source and what is
missing or different is loaded again. Whatever changes meanwhile lies above the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagster_pipeline.connectors.sink.clickhouse.connector import ClickHouseSink
from dagster_pipeline.connectors.sources.sql_source import SqlSource
from dagster_pipeline.errors import ConfigurationError, RetriableError
from dagster_pipeline.reconcile.result import ReconcileResult
from dagster_pipeline.reconcile.table_reconciliation import ReconcileConfig, TableReconciliation
from dagster_pipeline.schema.models import SyncMode, TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found.

    Attributes:
        cursor: where the table stands once it equals its source.
        compared: how table and source differed, and what was loaded again.
    """

    cursor: str
    compared: ReconcileResult


def rebuild_position(
    schema: TableSchema,
    *,
    source: SqlSource[Any],
    sink: ClickHouseSink,
    state: BaseStateStore,
    run_id: str,
    apply: bool,
) -> Rebuilt:
    """Compare; with `apply`, mend, and put the cursor where the source was settled before.

    Raises `ConfigurationError` for a table without cursor or key, or one that was never loaded; `RetriableError` while
    the source cannot say what is settled.
    """
    cursor = schema.sync.cursor
    if cursor is None or schema.sync.mode is SyncMode.FULL:
        raise ConfigurationError(
            f"{schema.name} has no cursor: each run reads it whole.", todo="There is nothing to rebuild."
        )
    settled = source.bounds(cursor, floor=None, count_nulls=False).settled
    if settled is None:
        raise RetriableError(f"{schema.name}: the source cannot say now up to where its rows are settled.")
    compared = TableReconciliation(
        schema, source=source, sink=sink, state=state, run_id=run_id, config=ReconcileConfig(repair=apply)
    ).run()
    if apply and compared.is_mended:
        with state.lock(schema.name, owner=run_id):
            state.set_cursor(schema.name, settled)
    return Rebuilt(settled, compared)
