"""What a run would do, from the same planning as the run itself. Reads from source, sink and state; writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dagster_pipeline.connectors.batch import KeyRange, SourceBounds, Window
from dagster_pipeline.connectors.sink.base_sink_connector import BaseSinkConnector, SinkTable
from dagster_pipeline.connectors.sources.base_source_connector import BaseSourceConnector, ReadRequest
from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.schema.models import SyncMode, TableSchema
from dagster_pipeline.state.base_state_store import BaseStateStore
from dagster_pipeline.state.records import ChunkStatus, Load
from dagster_pipeline.sync.config import SyncConfig, refuse_senseless
from dagster_pipeline.sync.destination import sink_table
from dagster_pipeline.sync.drift import agree
from dagster_pipeline.sync.partition_slice import PartitionSlice
from dagster_pipeline.sync.plan import plan_sync
from dagster_pipeline.type_mapper.type_mapper import TypeMapper

SAMPLED_ROWS = 100_000
"""So many rows of the first chunk are read, to see what would be changed by policy."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would do.

    Attributes:
        table: the destination as the run would want it.
        kind, window, advance_to: as in `SyncPlan`.
        rows_to_read: rows of the window at the source now.
        rows_in_destination: what a reader sees now, of the whole table.
        chunks: ranges that the window would be read in.
        query: the source's statement for the whole window.
        statements: DDL that would be run first.
        sampled_rows, coerced: rows that were read for a look, and of them those changed by policy, by column.
        notes: what drifted, what holds the cursor back, what would stop the run, a load that waits to be finished.
    """

    table: SinkTable
    kind: str
    window: Window
    advance_to: str | None
    rows_to_read: int
    rows_in_destination: int
    chunks: tuple[KeyRange, ...]
    query: str
    statements: tuple[str, ...]
    sampled_rows: int
    coerced: Mapping[str, int]
    notes: tuple[str, ...]


def dry_run(
    schema: TableSchema,
    *,
    source: BaseSourceConnector,
    sink: BaseSinkConnector,
    state: BaseStateStore,
    config: SyncConfig,
    part: PartitionSlice | None = None,
) -> DryRun:
    """Plan one run. Raises what the run would raise before it writes."""
    refuse_senseless(config, schema, by_partition=part is not None)
    described = source.describe()
    agreement = agree(schema, described, TypeMapper())
    table = sink_table(agreement.schema, agreement.mappings)
    before = state.read(schema.name, part.name if part else "")
    bounds: SourceBounds | None = None
    if schema.sync.cursor and schema.sync.mode is not SyncMode.FULL and part is None:
        bounds = source.bounds(schema.sync.cursor, floor=before.cursor, count_nulls=True)
    plan = plan_sync(
        agreement.schema,
        before,
        bounds,
        config,
        fingerprint="",
        bytes_per_row=described.estimated_bytes_per_row,
        cursor_is_indexed=described.finds_by(schema.sync.cursor or ""),
        part=part,
    )
    nothing = plan.nothing_to_read
    chunks: tuple[KeyRange, ...] = ()
    if not nothing:
        chunks = source.split(
            plan.split_by,
            window=plan.window,
            target_rows=plan.chunk_rows,
            streams=schema.sync.parallelism,
            rows_at_most=plan.rows_at_most,
        )
    read = ReadRequest(mappings=agreement.mappings, window=plan.window)
    sampled, coerced, refusal = _sample(source, read, chunks)
    return DryRun(
        table=table,
        kind=plan.kind,
        window=plan.window,
        advance_to=plan.advance_to,
        rows_to_read=0 if nothing else source.count(plan.window),
        rows_in_destination=sink.count_rows(table),
        chunks=chunks,
        query=source.statement(read),
        statements=sink.planned_statements(table),
        sampled_rows=sampled,
        coerced=coerced,
        notes=(*agreement.notes, *(bounds.notes if bounds else ()), *refusal, *_left_open(before.open_load)),
    )


def _sample(
    source: BaseSourceConnector, read: ReadRequest, chunks: tuple[KeyRange, ...]
) -> tuple[int, Mapping[str, int], tuple[str, ...]]:
    """Rows read, rows changed by policy, and why the load would stop."""
    rows, coerced = 0, Counter[str]()
    if not chunks:
        return rows, coerced, ()
    try:
        with source.stream(replace(read, key_range=chunks[0])) as batches:
            for batch in batches:
                rows += batch.rows
                coerced.update(batch.coerced)
                if rows >= SAMPLED_ROWS:
                    break
    except DataQualityError as error:
        return rows, coerced, (f"The run would stop: {error}",)
    return rows, coerced, ()


def _left_open(load: Load | None) -> tuple[str, ...]:
    if load is None:
        return ()
    left = sum(chunk.status is not ChunkStatus.DONE for chunk in load.chunks)
    return (
        f"Load {load.load_id} was not finished; unless the file has changed, the run would go on with its {left} chunk(s).",
    )
