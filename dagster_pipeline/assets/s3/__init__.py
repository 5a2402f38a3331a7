"""Tables that come from objects of a bucket: every enabled file under `schemas/s3/`."""

from __future__ import annotations

from collections.abc import Sequence

from dagster_pipeline.factories.bundle import Bundle
from dagster_pipeline.factories.s3_to_clickhouse_factory import s3_to_clickhouse
from dagster_pipeline.schema.kind_files import KindFile
from dagster_pipeline.schema.s3_models import S3File
from dagster_pipeline.settings import Settings


def s3_bundle(files: Sequence[KindFile[S3File]], settings: Settings) -> Bundle:
    """Assets and schedules."""
    return s3_to_clickhouse(
        files,
        embedded_warehouse=settings.warehouse_is_embedded,
        schedules_running=settings.schedules_running,
    )
