"""How far a table is behind: from the newest cursor value that a reader finds to a moment in seconds. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.rules_table import TEMPORAL


def lag_seconds(schema: TableSchema, newest: str | None, *, now: datetime) -> float | None:
    """Now minus the newest cursor; `None` for a cursor that is no time. A time without zone is taken as UTC.

    Negative when the source holds times in the future.
    """
    cursor = schema.sync.cursor
    if newest is None or cursor is None:
        return None
    base = schema.column(cursor).type.strip().lower().split("(")[0].split()[0]
    if base not in TEMPORAL[schema.source.dialect]:
        return None
    try:
        moment = datetime.fromisoformat(newest)
    except ValueError:  # infinity, or a year beyond 9999
        return None
    return (now - (moment if moment.tzinfo else moment.replace(tzinfo=UTC))).total_seconds()
