"""How PostgreSQL answers what `key_splitter` asks."""

from __future__ import annotations

from collections.abc import Callable

from dagster_pipeline.connectors.sources.postgres.connection import Cursor


def estimating(cursor: Cursor) -> Callable[[str], int]:
    """The planner's row estimate (postgresql.org/docs/current/using-explain.html)."""

    def estimate(statement: str) -> int:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        ((plans,),) = cursor.fetchall()
        return int(plans[0]["Plan"]["Plan Rows"])

    return estimate
