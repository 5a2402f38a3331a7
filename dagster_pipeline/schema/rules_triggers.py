"""Rules of `trigger:`: there is one thing to look for, and it can be asked for."""

from __future__ import annotations

from collections.abc import Iterator

from dagster_pipeline.schema.finding import Finding
from dagster_pipeline.schema.models import TableSchema


def trigger(table: TableSchema) -> Iterator[Finding]:
    """There is one thing to look for, and it can be asked for."""
    wanted = table.trigger
    if wanted is None:
        return
    if (wanted.control_row is None) == (wanted.s3 is None):
        what = "both control_row and s3" if wanted.s3 else "nothing to look for"
        yield Finding("trigger", f"`trigger` names {what}.", "Write one of control_row and s3.")
    if wanted.control_row is not None:
        from dagster_pipeline.schema.trigger_sql import judge_trigger_query

        yield from judge_trigger_query(wanted.control_row.query, table.source.dialect)
