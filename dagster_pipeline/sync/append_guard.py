"""When reading on would double the rows of a table that does not collapse, the run stops before it has read any. Pure."""

from __future__ import annotations

from dagster_pipeline.connectors.sink.base_sink_connector import SinkTable
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import SyncMode
from dagster_pipeline.state.records import ChunkStatus, Load

_REFRESH = "full_refresh: true in the run's config loads it anew and swaps it in"


def repeats_rows(kind: str, cursor: str | None, table: SinkTable) -> bool:
    """Whether a load of this kind, from this cursor, would add all rows once more to a table that holds some."""
    return kind == SyncMode.APPEND and cursor is None and not table.collapses_rereads


def refuse_unknown_position(table: SinkTable, rows: int) -> None:
    """Raise `ConfigurationError` when the table holds rows although nobody knows how far it was read."""
    if rows:
        raise ConfigurationError(
            f"{table.full_name} holds {rows:,} rows, and the state store does not know how far its source was read.",
            todo="Restore the store, or set the cursor by `python -m dagster_pipeline state set`; "
            f"or start over: {_REFRESH}.",
        )


def refuse_half_a_load(left: Load, table: SinkTable) -> None:
    """Raise `ConfigurationError` when rows of a load that cannot be gone on with may stand in the table itself."""
    begun = any(chunk.status is not ChunkStatus.PLANNED for chunk in left.chunks)
    if begun and not left.staging and not table.collapses_rereads:
        raise ConfigurationError(
            f"The table file or the source of {table.full_name} was changed in the middle of load {left.load_id}, "
            "some rows of which are there already and would be doubled.",
            todo=f"Undo the change and run once, so that the load ends; or start over: {_REFRESH}.",
        )
