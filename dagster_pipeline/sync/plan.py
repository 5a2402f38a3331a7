"""Planning: from what the file, the state and the source say to one frozen plan. Pure: no clock, no connection.

The rules of the window:
- `full`: everything, into a staging table.
- `incremental`: from the cursor on, the last value included (ties), `lookback` before it, with no upper end. What
  changes while the load runs may or may not be in it; either way its cursor lies above what the plan advances to, so
  the next run reads it again, and reading a row again replaces it.
- a window that a person gives (`window_from`, `window_to`) is read again, and the cursor stays.
- `append`: after the cursor, up to what the source calls settled. Each row lies in exactly one window; so a full
  refresh of an append table ends at what is settled, too.
The cursor advances to what was settled *before* reading began.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from dagster_pipeline.connectors.batch import EVERYTHING, SourceBounds, Window
from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.errors import DataQualityError
from dagster_pipeline.schema.models import NullCursor, SyncMode, TableSchema
from dagster_pipeline.state.records import Load, TableState
from dagster_pipeline.sync.config import SyncConfig
from dagster_pipeline.sync.partition_slice import PartitionSlice
from dagster_pipeline.type_mapper.mapping import ColumnMapping

CHUNK_BYTES = 256 * 1024 * 1024
"""A chunk is one insert; the embedded warehouse spools it to disk and an atomic one is one block in memory."""

SMALLEST_CHUNK_ROWS = 1_000

PARTITION = "partition"
"""Kind of a load that replaces partitions."""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What one load is to do.

    Attributes:
        kind: `full`, `incremental`, `append` or `partition`.
        window: which rows.
        advance_to: where the cursor stands afterwards; `None` leaves it.
        split_by: source columns that chunks are cut by; empty for one chunk.
        chunk_rows: how many rows a chunk should have.
        nothing_to_read: the window holds no row for certain.
        rows_at_most: the window has no more rows; `None` where that is not known.
        fingerprint: of all that a resumed load must share with this plan.
    """

    kind: str
    window: Window
    advance_to: str | None
    split_by: tuple[str, ...]
    chunk_rows: int
    nothing_to_read: bool
    fingerprint: str
    rows_at_most: int | None = None


def plan_sync(
    schema: TableSchema,
    state: TableState,
    bounds: SourceBounds | None,
    config: SyncConfig,
    *,
    fingerprint: str,
    bytes_per_row: int,
    part: PartitionSlice | None = None,
    cursor_is_indexed: bool = True,
) -> SyncPlan:
    """Plan one load. `bounds` is `None` for a table without a cursor, and for partitions, which are read whole.

    Raises `DataQualityError` when rows have a NULL cursor under `null_cursor: fail`.
    """
    chunk_rows = rows_per_chunk(schema.sync.chunk_rows, bytes_per_row)
    if part is not None:
        # By time, a chunk is a span of it, so it lies in few of the warehouse's partitions and makes few parts.
        by_time = (part.window.cursor or "",)
        return SyncPlan(
            kind=PARTITION,
            window=part.window,
            advance_to=None,
            split_by=schema.primary_key if part.window.values else by_time,
            chunk_rows=chunk_rows,
            nothing_to_read=False,
            fingerprint=fingerprint,
        )
    kind = SyncMode.FULL if config.full_refresh else schema.sync.mode
    if bounds is not None:
        refuse_null_cursor(schema, bounds)
    if config.overrides_window:
        window, advance_to = Window(schema.sync.cursor, config.window_from, upper=config.window_to), None
        rows_at_most = None
    else:
        window = plan_window(schema, state, bounds, kind)
        advance_to = None if bounds is None else bounds.settled
        rows_at_most = None if bounds is None or window.lower is None else bounds.rows_at_most
    return SyncPlan(
        kind=kind,
        window=window,
        advance_to=advance_to,
        split_by=_split_by(schema, window, cursor_is_indexed=cursor_is_indexed),
        chunk_rows=chunk_rows,
        nothing_to_read=_nothing_to_read(schema, bounds, window, rows_at_most),
        fingerprint=fingerprint,
        rows_at_most=rows_at_most,
    )


def _nothing_to_read(
    schema: TableSchema, bounds: SourceBounds | None, window: Window, rows_at_most: int | None
) -> bool:
    """Whether the window has no row, or every one was settled, and so loaded, when the cursor got where it stands."""
    if bounds is None:
        return False
    if schema.sync.mode is SyncMode.APPEND:
        return window.upper is None or window.upper == window.lower
    if window.include_nulls and bounds.null_rows:
        return False
    is_settled = bounds.newest is not None and bounds.newest == bounds.settled == window.lower
    return rows_at_most == 0 or (is_settled and not window.lookback_seconds)


def plan_window(
    schema: TableSchema, state: TableState, bounds: SourceBounds | None, kind: SyncMode
) -> Window:
    """Which rows the load reads."""
    cursor = schema.sync.cursor
    if bounds is None or cursor is None:
        return EVERYTHING
    include_nulls = schema.sync.null_cursor is NullCursor.INCLUDE
    if schema.sync.mode is SyncMode.APPEND:
        lower = None if kind is SyncMode.FULL else state.cursor
        return Window(cursor=cursor, lower=lower, lower_inclusive=False, upper=bounds.settled)
    if kind is SyncMode.FULL:
        return EVERYTHING if include_nulls or not bounds.null_rows else Window(cursor=cursor)
    lookback = int(schema.sync.lookback.total_seconds())
    return Window(cursor=cursor, lower=state.cursor, include_nulls=include_nulls, lookback_seconds=lookback)


def refuse_null_cursor(schema: TableSchema, bounds: SourceBounds) -> None:
    """Raise `DataQualityError` when `null_cursor: fail` and there are such rows."""
    if bounds.null_rows and schema.sync.null_cursor is NullCursor.FAIL:
        raise DataQualityError(
            f"{schema.destination.full_name}: {bounds.null_rows:,} row(s) have no value in {schema.sync.cursor!r}.",
            todo="Fill them at the source, or set sync.null_cursor to include or exclude "
            f"({schema.path}:{schema.line('sync.null_cursor')}).",
        )


def rows_per_chunk(wanted: int, bytes_per_row: int) -> int:
    """The file's `chunk_rows`, less where rows are so wide that the chunk would exceed `CHUNK_BYTES`."""
    if bytes_per_row <= 0:
        return wanted
    return max(SMALLEST_CHUNK_ROWS, min(wanted, CHUNK_BYTES // bytes_per_row))


def _split_by(schema: TableSchema, window: Window, *, cursor_is_indexed: bool) -> tuple[str, ...]:
    """What chunks are cut by.

    The key for a first load, since it is indexed and even, and where no index finds the window; else the cursor, since
    the window is cut by it, and then the key, since any number of rows may have one value of the cursor.
    """
    key = schema.primary_key
    if key and (window.lower is None or not cursor_is_indexed):
        return key
    return (window.cursor, *(name for name in key if name != window.cursor)) if window.cursor else ()


def fingerprint(
    schema: TableSchema,
    table: SinkTable,
    mappings: tuple[ColumnMapping, ...],
    *,
    config: SyncConfig,
    part: PartitionSlice | None = None,
    origin: str = "",
) -> str:
    """A digest of everything that must stay the same for a load to be resumed rather than begun again.

    A load of partitions is resumed by retries of the run that began it (`origin`), never by a later one: no cursor
    would bring forth what has changed since its first chunks were read.
    """
    facts = {
        "source": schema.source.model_dump(mode="json"),
        "cursor": schema.sync.cursor,
        "null_cursor": schema.sync.null_cursor,
        "table": asdict(table) | {"comment": "", "settings": dict(table.settings)},
        "columns": [asdict(mapping) | {"comment": ""} for mapping in mappings],
    }
    if config.overrides_window:
        facts |= {"override": f"{config.window_from} to {config.window_to}"}
    if part is not None:
        facts |= {"rows": asdict(part.window), "origin": origin}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def resumable(load: Load | None, fingerprint: str, config: SyncConfig) -> bool:
    """Whether the load that an earlier run left open is the one to go on with."""
    if load is None or load.fingerprint != fingerprint:
        return False
    return load.kind == SyncMode.FULL or not config.full_refresh
