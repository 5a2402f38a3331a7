"""Asks the place that a table's `trigger` names."""

from __future__ import annotations

from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.settings import Settings
from dagster_pipeline.triggers.control_rows import control_rows


def what_is_there(schema: TableSchema, settings: Settings) -> list[str]:
    """Identities of the rows or objects that are there now. Raises `PipelineError`."""
    trigger, source = schema.trigger, schema.source
    if trigger is None or trigger.control_row is None:
        return []
    url = settings.source_url(
        source.dialect,
        connection=trigger.control_row.connection or source.connection,
        database=source.database,
    )
    return control_rows(source.dialect, url, trigger.control_row.query)


def where(schema: TableSchema) -> str:
    """The place, for people; no address, which only a run's environment knows."""
    trigger, source = schema.trigger, schema.source
    if trigger is not None and trigger.s3 is not None:
        return f"S3 connection {trigger.s3.connection}, {trigger.s3.prefix}{trigger.s3.pattern}"
    control = trigger.control_row if trigger else None
    return f"control rows of the {source.dialect} connection {(control and control.connection) or source.connection}"
