"""The place that a table's `trigger` names, and what to ask there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from dagster_pipeline.connections import bucket_url
from dagster_pipeline.errors import ConfigurationError
from dagster_pipeline.schema.models import TableSchema
from dagster_pipeline.schema.triggers import ControlRow, S3Object
from dagster_pipeline.settings import Settings
from dagster_pipeline.triggers.control_rows import control_rows

if TYPE_CHECKING:
    from dagster_pipeline.connectors.object_store.bucket import Bucket

Question = Callable[[], list[str]]


class Place:
    """Where one table's trigger looks."""

    def __init__(self, schema: TableSchema) -> None:
        """Nothing is connected, and no secret read."""
        self._schema = schema
        self._bucket: Bucket | None = None

    def question(self, settings: Settings) -> Question:
        """Ready to be asked: it gives the identities of the rows or objects that are there, or raises `PipelineError`.

        Raises `ConfigurationError` when an address is missing or wrong.
        """
        trigger = self._schema.trigger
        if trigger is not None and trigger.s3 is not None:
            return self._objects(trigger.s3, settings)
        if trigger is not None and trigger.control_row is not None:
            return self._rows(trigger.control_row, settings)
        raise ConfigurationError(f"{self._schema.name} has no trigger.")

    def __str__(self) -> str:
        """For people; no address, which only the environment knows."""
        trigger, source = self._schema.trigger, self._schema.source
        if trigger is not None and trigger.s3 is not None:
            return f"objects {trigger.s3.prefix}{trigger.s3.pattern} of the S3 connection {trigger.s3.connection}"
        control = trigger.control_row if trigger is not None else None
        connection = (control and control.connection) or source.connection
        return f"control rows of the {source.dialect} connection {connection}"

    def _rows(self, control: ControlRow, settings: Settings) -> Question:
        source = self._schema.source
        url = settings.source_url(
            source.dialect, connection=control.connection or source.connection, database=source.database
        )
        return partial(control_rows, source.dialect, url, control.query)

    def _objects(self, wanted: S3Object, settings: Settings) -> Question:
        # Imported here: boto3 takes a third of a second, which a location without S3 need not pay.
        from dagster_pipeline.connectors.object_store.bucket import Bucket  # noqa: PLC0415
        from dagster_pipeline.triggers.s3_objects import s3_objects  # noqa: PLC0415

        url = bucket_url(settings, wanted.connection)
        if self._bucket is None or self._bucket.url.raw != url.raw:
            self._bucket = Bucket(url)
        _ = self._bucket.client  # made before the clock of the question runs
        return partial(s3_objects, self._bucket, wanted)
